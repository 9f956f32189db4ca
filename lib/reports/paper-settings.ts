/** Rows of the paper's tables on settings: figures by the row's label, as printed. */
export interface PaperSettings {
  model: string
  benchmark: string
  /** By label: figures in the order of `columns`. */
  rows: { [label: string]: readonly number[] }
}

export interface PaperTable {
  columns: readonly string[]
  entries: readonly PaperSettings[]
}

/** In percent; tables 19 and 20 in seconds per frame. */
export const PAPER_TABLES: { [table: number]: PaperTable } = {
  5: {
    columns: ['J', 'F', 'J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          'prefer left': [67.31, 73.38, 70.34],
          'prefer right': [67.05, 71.69, 69.37],
          intersection: [60.2, 63.58, 61.89],
          'larger mask': [70.4, 72.91, 71.65],
          'smaller mask': [64.1, 67.18, 65.64],
          bidirectional: [71.27, 73.63, 72.45],
        },
      },
    ],
  },
  6: {
    columns: ['J', 'F', 'J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          'single frame': [66.04, 72.6, 69.32],
          addition: [66.13, 72.97, 69.55],
          concatenation: [65.34, 72.06, 68.71],
          'cross-attention': [71.27, 73.63, 72.45],
        },
      },
    ],
  },
  8: {
    columns: ['J', 'F', 'J&F'],
    entries: [
      {
        model: 'Molmo+SAM2',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          '1': [58.32, 64.6, 61.46],
          '3': [58.77, 63.85, 61.31],
          '10': [59.61, 64.77, 62.19],
          '30': [63.31, 69.31, 66.31],
          '|T|': [65.29, 70.09, 67.69],
        },
      },
      {
        model: 'Molmo+SAM2',
        benchmark: 'Refer-YouTube-VOS',
        rows: {
          '1': [60.08, 64.69, 62.38],
          '3': [60.11, 65.04, 62.58],
          '10': [60.24, 64.88, 62.56],
          '30': [59.48, 64.02, 61.75],
          '|T|': [59.48, 64.07, 61.78],
        },
      },
      {
        model: 'Molmo+SAM2',
        benchmark: 'MeViS',
        rows: {
          '1': [45.53, 51.06, 48.3],
          '3': [45.58, 50.97, 48.27],
          '10': [45.63, 50.93, 48.28],
          '30': [45.51, 50.65, 48.08],
          '|T|': [44.37, 49.37, 46.87],
        },
      },
    ],
  },
  9: {
    columns: ['J', 'F', 'J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          '0': [67.31, 73.38, 70.34],
          '0.3': [69.05, 75.51, 72.28],
          '0.5': [68.9, 75.26, 72.08],
          '0.7': [71.27, 73.63, 72.45],
          '0.9': [68.85, 75.24, 72.05],
        },
      },
    ],
  },
  10: {
    columns: ['J', 'F', 'J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-YouTube-VOS',
        rows: {
          '3': [64.39, 67.68, 66.03],
          '5': [65.55, 69.11, 67.33],
          '10': [65.69, 69.39, 67.54],
          '15': [66.26, 69.95, 68.11],
          '20': [66.34, 69.93, 68.14],
          '30': [65.8, 69.32, 67.56],
        },
      },
    ],
  },
  13: {
    columns: ['J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          '1': [72.5],
          '2': [72.7],
          '3': [72.8],
          '4': [72.8],
        },
      },
    ],
  },
  14: {
    columns: ['J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          'single positive': [72.5],
          'positive and negative': [72.6],
          multiple: [72.8],
        },
      },
    ],
  },
  15: {
    columns: ['J&F'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'Refer-DAVIS-17',
        rows: {
          FastSAM: [59.7],
          MobileSAM: [62.3],
          SAM2: [72.5],
        },
      },
    ],
  },
  19: {
    columns: ['pointing', 'masks', 'total'],
    entries: [{ model: 'VideoMolmo', benchmark: 'inference', rows: { 4: [0.74, 0.07, 0.81] } }],
  },
  20: {
    columns: ['total'],
    entries: [
      {
        model: 'VideoMolmo',
        benchmark: 'inference',
        rows: {
          '4': [0.81],
          '8': [0.48],
          '10': [0.35],
          '15': [0.31],
        },
      },
    ],
  },
}
