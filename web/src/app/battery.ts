interface Battery extends EventTarget {
  charging: boolean
  level: number
}

const LOW = 0.15
let battery: Battery | null = null

/** Learn how full the battery is, where the browser says so. */
export function watchBattery(): void {
  const asked = (navigator as { getBattery?(): Promise<Battery> }).getBattery?.()
  void asked?.then((found) => (battery = found)).catch(() => undefined)
}

/** Whether what nobody waits for should be left undone. */
export function isLow(): boolean {
  return battery !== null && !battery.charging && battery.level <= LOW
}
