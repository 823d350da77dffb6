interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>
}

type DetectorMaker = new () => Detector

/** Reads the code in a picture of the camera, or finds none. */
export type Reader = (video: HTMLVideoElement) => Promise<string | null>

/** Wide enough for a code held at arm's length, and quick enough for an old phone. */
const WIDEST_PX = 640

/** The browser's own reader knows all kinds of codes; where there is none, ours knows QR codes. */
export async function reader(): Promise<Reader> {
  const Made = (globalThis as { BarcodeDetector?: DetectorMaker }).BarcodeDetector
  if (Made) {
    const detector = new Made()
    return async (video) => (await detector.detect(video))[0]?.rawValue ?? null
  }
  const { default: decode } = await import('qr/decode.js')
  const canvas = document.createElement('canvas')
  const pen = canvas.getContext('2d', { willReadFrequently: true })
  return async (video) => {
    const share = Math.min(1, WIDEST_PX / video.videoWidth)
    canvas.width = Math.round(video.videoWidth * share)
    canvas.height = Math.round(video.videoHeight * share)
    if (!pen || canvas.width === 0) return null
    pen.drawImage(video, 0, 0, canvas.width, canvas.height)
    try {
      return decode(pen.getImageData(0, 0, canvas.width, canvas.height))
    } catch {
      // It says by an error that there is no code in the picture.
      return null
    }
  }
}
