const LONGEST_PX = 1600
const THUMB_PX = 240
const TYPE = 'image/jpeg'

async function drawn(image: ImageBitmap, longest: number, quality: number): Promise<ArrayBuffer> {
  const share = Math.min(1, longest / Math.max(image.width, image.height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(image.width * share)
  canvas.height = Math.round(image.height * share)
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, TYPE, quality))
  if (!blob) throw new Error('The picture cannot be drawn.')
  return blob.arrayBuffer()
}

/** Make a camera's picture small enough for a poor line, with a thumbnail that may stay on the phone. */
export async function shrink(file: File): Promise<{ bytes: ArrayBuffer; thumb: ArrayBuffer; type: string }> {
  const image = await createImageBitmap(file, { imageOrientation: 'from-image' })
  try {
    return { bytes: await drawn(image, LONGEST_PX, 0.82), thumb: await drawn(image, THUMB_PX, 0.7), type: TYPE }
  } finally {
    image.close()
  }
}
