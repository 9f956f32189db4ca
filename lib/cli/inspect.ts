import type { Command } from 'commander'
import type { Capabilities } from '../families/family.js'
import { type Checkpoint, readCheckpoint } from '../hub/checkpoint.js'
import { memoryByDtype, parameterCount, workMemory } from '../hub/memory.js'
import { type DeviceName, DTYPES, loadSettings } from '../load/settings.js'
import type { CommandContext } from './context.js'
import { showDownloads } from './download-bar.js'
import { withJson } from './options.js'

export function addInspectCommand(program: Command, context: CommandContext): void {
  withJson(
    program
      .command('inspect')
      .description('what a checkpoint is: architecture, sizes, tensors, memory')
      .argument('<checkpoint>', 'checkpoint folder, file of weights or Hugging Face id')
      .option('--device <name>', 'where it is to run: cpu (default) or cuda')
      .option('--memory-budget <size>', 'say what goes side by side with so much memory'),
  ).action((path: string, flags: InspectFlags) => inspect(path, flags, context))
}

interface InspectFlags {
  json?: boolean
  device?: DeviceName
  memoryBudget?: string
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** What a model's work takes beside its weights. */
type Work = ReturnType<typeof workMemory>

/** What goes side by side within a budget, by dtype; null where the budget is too small. */
function fitting(
  checkpoint: Checkpoint,
  bytes: ReturnType<typeof memoryByDtype>,
  device: string,
  budget: number,
): { [dtype: string]: Work | null } {
  const plans = Object.entries(bytes).map(([dtype, weights]) => {
    const plan = workMemory(checkpoint, device, Math.max(0, budget - weights))
    return [dtype, weights + plan.bytes <= budget ? plan : null]
  })
  return Object.fromEntries(plans)
}

function sideBySide(plan: Work | null | undefined): string {
  if (!plan) return 'does not fit the budget'
  return 'sequences' in plan
    ? `${plan.sequences} keyframes together, ${plan.frames} encoded frames`
    : `${plan.objects} objects from the start`
}

function describeWork(work: Work): string[] {
  const { frameBytes, activationBytes } = work
  const each =
    'sequences' in work
      ? `keys and values ${mib(work.sequenceBytes)} per keyframe of ${work.positions} positions`
      : `memory ${mib(work.objectBytes)} per object`
  return [
    `beside the weights, at most: activations ${mib(activationBytes)}, ${each}, features ${mib(frameBytes)} per frame`,
    `together: ${mib(work.bytes)} with ${sideBySide(work)}; ${mib(work.leastBytes)} at least`,
  ]
}

function describeCapabilities(capabilities: Capabilities): string {
  const { text, points, previousFrames, masks, videoMemory, tracks } = capabilities
  const abilities: [boolean, string][] = [
    [text, 'sentences'],
    [points, 'points'],
    [previousFrames > 0, `a look at ${previousFrames} earlier frames`],
    [masks, 'masks'],
    [videoMemory, 'memory of a video'],
    [tracks, 'tracks'],
  ]
  return abilities.flatMap(([able, what]) => (able ? [what] : [])).join(', ')
}

async function inspect(
  path: string,
  flags: InspectFlags,
  { print, signal }: CommandContext,
): Promise<void> {
  const checkpoint = await readCheckpoint(path, { signal, onProgress: showDownloads() })
  const { kind, family, attributes, names, capabilities, tensors } = checkpoint
  const parameters = parameterCount(checkpoint)
  const { device, memoryLimit } = loadSettings(flags, DTYPES)
  const bytes = memoryByDtype(checkpoint, device)
  const work = workMemory(checkpoint, device)
  const fits =
    memoryLimit === undefined ? undefined : fitting(checkpoint, bytes, device, memoryLimit)
  if (flags.json) {
    const model = { kind, family, attributes, names, capabilities }
    print(JSON.stringify({ ...model, parameters, bytes, work, fits, tensors }))
    return
  }
  print(`${kind}: ${parameters} parameters in ${tensors.length} tensors`)
  print(`  family ${family}: ${describeCapabilities(capabilities)}`)
  for (const [dtype, size] of Object.entries(bytes)) {
    print(`  ${dtype.padEnd(7)} ${mib(size)}${fits ? `; ${sideBySide(fits[dtype])}` : ''}`)
  }
  for (const line of describeWork(work)) print(`  ${line}`)
  print(JSON.stringify(attributes, null, 2))
  for (const { name, dtype, shape } of tensors) {
    print(`${dtype.padEnd(5)} ${`[${shape.join(', ')}]`.padEnd(24)} ${name}`)
  }
}
