/**
 * Colours of objects in overlays, in order of object number; distinct and readable on most
 * pictures.
 */
export const OBJECT_COLORS: readonly (readonly [number, number, number])[] = [
  [230, 57, 70],
  [46, 134, 222],
  [46, 196, 105],
  [250, 176, 5],
  [155, 89, 220],
  [24, 200, 205],
  [245, 121, 35],
  [232, 90, 170],
  [150, 205, 50],
  [120, 105, 90],
]

export const objectColor = (objectId: number) => OBJECT_COLORS[objectId % OBJECT_COLORS.length]!
