const FILES = __FILES__
const CACHE = 'fieldwright-' + __VERSION__
const SHELL = '/app/index.html'

// There is no skipWaiting here: new code must not meet the old page's chunks, so the page asks for it.
self.addEventListener('install', (event) => {
  const fresh = FILES.map((url) => new Request(url, { cache: 'reload' }))
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)))
})

self.addEventListener('activate', (event) => {
  const old = (name) => name.startsWith('fieldwright-') && name !== CACHE
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('message', (event) => {
  if (event.data === 'skip') self.skipWaiting()
})

// Only the application's own files are answered from here; what the server knows is never cached.
self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin || !url.pathname.startsWith('/app/')) return
  const wanted = request.mode === 'navigate' ? SHELL : request
  event.respondWith(
    caches
      .open(CACHE)
      .then((cache) => cache.match(wanted, { ignoreVary: true }))
      .then((found) => found || fetch(request)),
  )
})

// A word that something is new. The page fetches it when it is opened; one that is open hears of it by itself.
self.addEventListener('push', (event) => {
  const chinese = self.navigator.language.toLowerCase().startsWith('zh')
  const body = chinese ? '有新的工作内容，点按打开。' : 'There is something new. Tap to open.'
  event.waitUntil(
    self.registration.showNotification('Fieldwright', {
      body,
      icon: '/app/icons/icon-192.png',
      badge: '/app/icons/mask-192.png',
      tag: 'news',
    }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(
    self.clients
      .matchAll({ type: 'window' })
      .then(([page]) => (page ? page.focus() : self.clients.openWindow('/app/'))),
  )
})
