const LOOK_EVERY_MS = 3600_000

/** A newer build that is installed and waits for the page to let it in. */
export const update = $state<{ waiting: ServiceWorker | null }>({ waiting: null })

export function watchForUpdates(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  let reloaded = false
  let controlled = navigator.serviceWorker.controller !== null
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    // The first worker of a phone takes the page over without a reason to load it again.
    if (controlled && !reloaded) {
      reloaded = true
      location.reload()
    }
    controlled = true
  })
  void navigator.serviceWorker.register('/app/sw.js', { scope: '/app/', updateViaCache: 'none' }).then((registration) => {
    const look = (): void => {
      if (registration.waiting && navigator.serviceWorker.controller) update.waiting = registration.waiting
    }
    look()
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look))
    let looked = Date.now()
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible' || Date.now() - looked < LOOK_EVERY_MS) return
      looked = Date.now()
      void registration.update()
    })
  }, () => undefined)
}

/** Look for a newer build now, because the server says that this one is too old. */
export async function lookNow(): Promise<void> {
  await (await navigator.serviceWorker?.getRegistration('/app/'))?.update().catch(() => undefined)
}

export function letIn(): void {
  update.waiting?.postMessage('skip')
}
