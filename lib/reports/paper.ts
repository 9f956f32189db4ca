/**
 * Figures as printed in the tables of the VideoMolmo paper ("VideoMolmo: Spatio-Temporal Grounding
 * Meets PointerWork", tables 1 to 3, 5, 6, 8 to 10, 13 to 15, 19 and 20), in percent; times in seconds
 * per frame. VideoMolmo's own were measured with 4-bit weights.
 */
export interface PaperRow {
  model: string
  j: number
  f: number
  jf: number
}

type Line = readonly [model: string, j: number, f: number, jf: number]

/** Tables 1 (VPoS-Bench, by subset), 2 and 3, by benchmark. */
const RESULTS: { [benchmark: string]: { table: number; lines: readonly Line[] } } = {
  'VPoS-Bench/Ego4D': {
    table: 1,
    lines: [
      ['VideoLISA', 47.1, 41.1, 44.2],
      ['VideoGLaMM', 47.2, 40.4, 43.8],
      ['Molmo+SAM2', 50.6, 50.1, 50.4],
      ['VideoMolmo', 55.5, 54.3, 54.9],
    ],
  },
  'VPoS-Bench/Robotics': {
    table: 1,
    lines: [
      ['VideoLISA', 3.9, 2.0, 2.9],
      ['VideoGLaMM', 15.3, 10.3, 12.8],
      ['Molmo+SAM2', 27.8, 25.6, 26.7],
      ['VideoMolmo', 29.1, 26.2, 27.6],
    ],
  },
  'VPoS-Bench/Autonomous': {
    table: 1,
    lines: [
      ['VideoLISA', 34.7, 22.0, 28.4],
      ['VideoGLaMM', 31.4, 17.7, 24.8],
      ['Molmo+SAM2', 49.5, 47.5, 48.5],
      ['VideoMolmo', 57.1, 57.7, 57.4],
    ],
  },
  'VPoS-Bench/Cells': {
    table: 1,
    lines: [
      ['VideoLISA', 18.9, 3.3, 11.1],
      ['VideoGLaMM', 11.8, 7.8, 9.8],
      ['Molmo+SAM2', 20.8, 7.6, 14.2],
      ['VideoMolmo', 25.4, 13.1, 19.2],
    ],
  },
  'VPoS-Bench/VideoGUI': {
    table: 1,
    lines: [
      ['VideoLISA', 65.3, 39.4, 52.4],
      ['VideoGLaMM', 58.7, 32.5, 45.6],
      ['Molmo+SAM2', 60.2, 55.9, 58.0],
      ['VideoMolmo', 68.9, 62.4, 65.7],
    ],
  },
  'Refer-DAVIS-17': {
    table: 2,
    lines: [
      ['LISA-7B', 61.9, 54.9, 58.4],
      ['LISA-13B', 64.6, 56.8, 60.7],
      ['TrackGPT-7B', 67.0, 59.4, 63.2],
      ['TrackGPT-13B', 70.4, 62.7, 66.5],
      ['VideoLISA', 72.7, 64.9, 68.8],
      ['VideoGLaMM', 73.3, 65.6, 69.5],
      ['Molmo+SAM2', 65.3, 72.2, 68.8],
      ['VideoMolmo', 71.3, 73.6, 72.5],
    ],
  },
  'Refer-YouTube-VOS': {
    table: 2,
    lines: [
      ['LISA-7B', 50.6, 49.7, 50.2],
      ['LISA-13B', 53.0, 52.1, 52.6],
      ['TrackGPT-7B', 57.4, 55.3, 56.4],
      ['TrackGPT-13B', 60.8, 58.1, 59.5],
      ['VideoLISA', 65.7, 61.7, 63.7],
      ['VideoGLaMM', 65.4, 68.2, 66.8],
      ['Molmo+SAM2', 61.0, 66.2, 63.6],
      ['VideoMolmo', 65.6, 69.1, 67.3],
    ],
  },
  MeViS: {
    table: 2,
    lines: [
      ['VideoLISA', 41.3, 47.6, 44.4],
      ['VideoGLaMM', 42.1, 48.2, 45.2],
      ['Molmo+SAM2', 44.4, 49.4, 46.9],
      ['VideoMolmo', 51.2, 56.6, 53.9],
    ],
  },
  ReasonVOS: {
    table: 3,
    lines: [
      ['LISA', 33.1, 29.1, 31.1],
      ['VideoLISA', 49.9, 45.1, 47.5],
      ['VideoGLaMM', 40.5, 27.2, 33.9],
      ['Molmo+SAM2', 43.5, 47.8, 45.7],
      ['VideoMolmo', 48.7, 53.4, 51.1],
    ],
  },
  'failure case: paraglider lines': {
    table: 12,
    lines: [['VideoMolmo', 47.8, 67.2, 57.5]],
  },
}

/** Quoted rows whose J and F the paper has the wrong way round, by their first sources. */
const SWAPPED: { [benchmark: string]: readonly string[] } = {
  'Refer-DAVIS-17': [
    'LISA-7B',
    'LISA-13B',
    'TrackGPT-7B',
    'TrackGPT-13B',
    'VideoLISA',
    'VideoGLaMM',
  ],
  'Refer-YouTube-VOS': ['LISA-7B', 'LISA-13B', 'TrackGPT-7B', 'TrackGPT-13B', 'VideoLISA'],
  ReasonVOS: ['LISA', 'VideoLISA', 'VideoGLaMM'],
}

/** A row of the paper with its table, and whether its J and F look swapped. */
export interface PaperResult extends PaperRow {
  table: number
  swapped: boolean
}

/** The paper's results on a benchmark, such as 'MeViS' or 'VPoS-Bench/Cells'; none for others. */
export function paperResults(benchmark: string): PaperResult[] {
  const found = RESULTS[benchmark]
  if (!found) return []
  const { table, lines } = found
  return lines.map(([model, j, f, jf]) => {
    const swapped = SWAPPED[benchmark]?.includes(model) ?? false
    return { model, j, f, jf, table, swapped }
  })
}
