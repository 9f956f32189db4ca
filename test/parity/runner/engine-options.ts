/** How a golden set's models are loaded. */
export interface EngineOptions {
  /** 0: one per available core. */
  threads: number
  /** 'cpu', 'cuda' or 'cuda:<index>'. */
  device: string
  /** Loads models in bf16 instead of the set's type. */
  dtype?: 'bf16'
}
