const GOLDEN_ANGLE = 137.508

/** A colour for each engineer of a board, far from its neighbours. */
export function hueOf(index: number): number {
  return Math.round((165 + index * GOLDEN_ANGLE) % 360)
}
