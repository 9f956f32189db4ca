import type { Mask } from '../formats/mask.js'
import type { AheadFrame, PointerWork } from './ahead.js'
import { bothDone } from './both-done.js'
import { toResult } from './frame-result.js'
import {
  fuseObjects,
  measureMasks,
  type NamedEstimate,
  pointedObjects,
  type Vouched,
} from './fuse.js'
import { linkObjects } from './link.js'
import type { FusedMasks, FusionOptions } from './mask-work.js'
import type { GroundModels, Point, PointerAnswer } from './models.js'
import type { GroundSettings } from './options.js'
import { distinctPoints } from './points.js'
import type { GroundResult } from './result.js'
import { addTimes, FrameSlot } from './slot.js'
import { type Estimate, Tracker } from './tracker.js'

/** Object pointers that SAM 2's memory attention reads, at most. */
const POINTER_FRAMES = 16

/** A keyframe and what was found on it. */
interface Keyframe {
  slot: FrameSlot
  answer: PointerAnswer
  /** The masks of the frame's own points; null when the pointer or SAM 2 found nothing. */
  own: (NamedEstimate & { measured: FusedMasks }) | null
  /** Follows the own masks into the coming interval. */
  tracker: Tracker | null
  /** Of a keyframe without own masks: what its left neighbour's objects became here. */
  arrived: NamedEstimate | null
  /** The left neighbour's tracker, which may have to go on when no right neighbour comes. */
  carried: Tracker | null
}

interface FusedOptions {
  answer?: PointerAnswer | null
  final?: boolean
  between?: boolean
  vouched?: Vouched
}

/** There is no answer that denies an object. */
const UNDENIED: Vouched = { forward: 1, backward: 1 }

/** At a keyframe that answered and found nothing, and behind it. */
const DENIED: Vouched = { forward: 0, backward: 0 }

export interface RunOptions {
  settings: GroundSettings
  /** Null when unknown. */
  frameCount: number | null
  signal: AbortSignal
  /** Give a first estimate of every frame at once, marked `final: false`. */
  provisional: boolean
}

/**
 * Grounding of one clip, frame by frame (section 4.2 of the paper). Holds the frames from the last
 * keyframe on, one tracker per direction and nothing else, however long the clip is.
 *
 * An answered keyframe keeps its own masks. A keyframe without an answer is treated like the frames
 * around it: it takes what arrives from its two neighbours, and in the tail of the clip the left
 * neighbour's objects are followed across it.
 */
export class GroundRun {
  readonly #models: GroundModels
  readonly #options: RunOptions
  readonly #fusion: FusionOptions
  /** Frames after the left keyframe that still wait for their masks. */
  #waiting: FrameSlot[] = []
  /** What the left keyframe's objects became in the waiting frames. */
  readonly #forward = new Map<number, NamedEstimate>()
  #left: Keyframe | null = null
  /** Everything that `dispose` must free, wherever the run was left. */
  readonly #slots = new Set<FrameSlot>()
  readonly #trackers = new Set<Tracker>()
  #nextId = 1

  constructor(models: GroundModels, options: RunOptions) {
    this.#models = models
    this.#options = options
    const { tau, fusion } = options.settings
    this.#fusion = { tau, strategy: fusion }
  }

  /** Takes the next frame and gives the results that it completes, in order. */
  async *push({ frame, pointing }: AheadFrame): AsyncGenerator<GroundResult> {
    const { settings, signal } = this.#options
    const slot = new FrameSlot(frame, this.#models.segmenter, signal)
    this.#slots.add(slot)
    if (frame.index % settings.keyframeEvery === 0) {
      yield* this.#keyframe(slot, pointing)
      return
    }
    this.#waiting.push(slot)
    const [{ timings }] = await bothDone(pointing, this.#follow(slot))
    addTimes(slot.timings, timings)
    if (this.#options.provisional) yield await this.#provisional(slot)
  }

  /** Gives the results of the frames after the last keyframe. */
  async *finish(): AsyncGenerator<GroundResult> {
    const left = this.#left
    if (!left) return
    const vouched = left.own ? UNDENIED : DENIED
    if (!left.own) {
      yield await this.#fused(left.slot, left.arrived, null, { answer: left.answer, vouched })
    }
    for (const slot of this.#waiting.splice(0)) {
      if (!this.#forward.has(slot.index)) await this.#carry(slot)
      yield await this.#fused(slot, this.#forward.get(slot.index) ?? null, null, { vouched })
      this.#release(slot)
    }
  }

  /** Frees the trackers and features; running engine work should have been cancelled before. */
  dispose(): void {
    for (const tracker of this.#trackers) this.#drop(tracker)
    for (const slot of this.#slots) this.#release(slot)
    this.#left = null
    this.#waiting = []
    this.#forward.clear()
  }

  #release(slot: FrameSlot): void {
    if (this.#slots.delete(slot)) slot.release()
  }

  #drop(tracker: Tracker | null): void {
    if (tracker && this.#trackers.delete(tracker)) tracker.dispose()
  }

  /** Follows the left keyframe's objects into the frame. */
  async #follow(slot: FrameSlot): Promise<void> {
    const left = this.#left
    if (left?.tracker && left.own) {
      const estimate = await left.tracker.step(slot)
      this.#forward.set(slot.index, { ...estimate, objectIds: left.own.objectIds })
    } else if (this.#options.provisional) await this.#carry(slot)
  }

  /** Follows the objects of the keyframe before an unanswered one. */
  async #carry(slot: FrameSlot): Promise<void> {
    const left = this.#left
    if (!left?.carried || !left.arrived) return
    const estimate = await left.carried.step(slot)
    this.#forward.set(slot.index, { ...estimate, objectIds: left.arrived.objectIds })
  }

  async *#keyframe(slot: FrameSlot, pointing: Promise<PointerWork>): AsyncGenerator<GroundResult> {
    const [said] = await bothDone(pointing, this.#follow(slot))
    addTimes(slot.timings, said.timings)
    // A repeated point is the same object.
    const answer = { ...said.answer!, points: distinctPoints(said.answer!.points) }
    const arrived = this.#left?.own ? (this.#forward.get(slot.index) ?? null) : null
    const right = await this.#prompt(slot, answer, arrived)
    if (this.#left) yield* this.#closeInterval(this.#left, right)
    this.#left = right
    this.#forward.clear()
    if (right.own) yield this.#pointed(right, right.own)
    else if (this.#options.provisional) yield await this.#provisional(slot)
  }

  /** Turns the answer's points into masks on the keyframe and starts following them. */
  async #prompt(
    slot: FrameSlot,
    answer: PointerAnswer,
    arrived: NamedEstimate | null,
  ): Promise<Keyframe> {
    const keyframe = { slot, answer, arrived }
    const carried = this.#left?.tracker ?? null
    const unanswered = { ...keyframe, own: null, tracker: null, carried }
    if (answer.points.length === 0) return unanswered
    const { tracker, estimate } = await this.#track(slot, answer.points, false)
    const measured = await measureMasks(this.#models.masks, estimate.masks, slot.frame)
    if (measured.mask.area === 0) {
      this.#drop(tracker)
      return unanswered
    }
    const masks = measured.objects.map(({ mask }) => mask)
    const points = answer.points.map(point => [point])
    const objectIds = await this.#identify(slot, masks, points, arrived)
    return { ...keyframe, own: { ...estimate, objectIds, measured }, tracker, carried: null }
  }

  async #track(slot: FrameSlot, points: readonly Point[], reverse: boolean) {
    const { frameCount, signal } = this.#options
    // The length matters to SAM 2 only for clips shorter than its object pointers.
    const short = frameCount !== null && frameCount < POINTER_FRAMES
    const options = { reverse, frameCount: short ? frameCount : 0, signal }
    const started = await Tracker.start(this.#models.segmenter, slot, points, options)
    this.#trackers.add(started.tracker)
    return started
  }

  /**
   * Numbers of objects in a frame: those of the known objects that they are, else new ones.
   *
   * @param points of every object where the pointer saw it; none for propagated masks.
   */
  async #identify(
    slot: FrameSlot,
    masks: readonly (Mask | Uint8Array)[],
    points: readonly (readonly Point[])[],
    known: NamedEstimate | null,
  ): Promise<number[]> {
    const { width, height } = slot.frame
    const old = (known?.masks ?? []).map(data => ({ data, width, height }))
    const overlaps = await this.#models.masks.overlaps(known?.masks ?? [], masks, slot.frame)
    const links = linkObjects(old, points, (k, c) => overlaps[k]![c]!)
    return links.map(place => (place >= 0 ? known!.objectIds[place]! : this.#nextId++))
  }

  /** Gives the frames between two keyframes, and the left one if it has no masks of its own. */
  async *#closeInterval(left: Keyframe, right: Keyframe): AsyncGenerator<GroundResult> {
    const open = left.own ? this.#waiting : [left.slot, ...this.#waiting]
    const length = right.slot.index - left.slot.index
    if (left.tracker !== right.carried) this.#drop(left.tracker)
    this.#drop(left.carried)
    const backward = await this.#trackBack(open, right)
    const atLeft = backward.get(left.slot.index)
    if (atLeft && left.arrived && right.own) await this.#relink(left, right, atLeft)
    for (const slot of open) {
      const own = slot === left.slot ? left.arrived : null
      const forward = own ?? (left.own ? this.#forward.get(slot.index) : null) ?? null
      const estimate = backward.get(slot.index)
      const named = estimate && right.own ? { ...estimate, objectIds: right.own.objectIds } : null
      const answer = slot === left.slot ? left.answer : null
      const share = (slot.index - left.slot.index) / length
      const vouched = own ? DENIED : { forward: 1 - share, backward: share }
      yield await this.#fused(slot, forward, named, { answer, between: true, vouched })
      this.#release(slot)
    }
    this.#waiting = []
    this.#release(left.slot)
  }

  /** Follows the right keyframe's objects backwards through the open frames. */
  async #trackBack(open: readonly FrameSlot[], right: Keyframe): Promise<Map<number, Estimate>> {
    const estimates = new Map<number, Estimate>()
    if (!right.own || open.length === 0) return estimates
    const { tracker } = await this.#track(right.slot, right.answer.points, true)
    try {
      for (const slot of open.toReversed()) estimates.set(slot.index, await tracker.step(slot))
    } finally {
      this.#drop(tracker)
    }
    return estimates
  }

  /**
   * Across an unanswered keyframe, objects are recognised on that keyframe, where both sides meet.
   */
  async #relink(left: Keyframe, right: Keyframe, { masks }: Estimate): Promise<void> {
    const points = masks.map(() => [])
    right.own!.objectIds = await this.#identify(left.slot, masks, points, left.arrived)
  }

  /** @param between the frame has a keyframe on either side, so that both have something to say. */
  async #fused(
    slot: FrameSlot,
    forward: NamedEstimate | null,
    backward: NamedEstimate | null,
    { answer = null, final = true, between = false, vouched = UNDENIED }: FusedOptions,
  ): Promise<GroundResult> {
    const since = performance.now()
    const { masks } = this.#models
    const fused = await fuseObjects(masks, forward, backward, slot.frame, this.#fusion, vouched)
    const { directions, mask } = fused
    addTimes(slot.timings, { fuse: performance.now() - since })
    const objects = between
      ? fused.objects
      : fused.objects.map(object => ({ ...object, agreement: null }))
    const agreement = between ? fused.agreement : null
    return { ...toResult(slot, answer, objects, mask, final), directions, agreement }
  }

  #provisional(slot: FrameSlot): Promise<GroundResult> {
    const left = this.#left
    const here = left?.slot === slot
    const forward = here ? left.arrived : this.#forward.get(slot.index)
    const answer = here ? left.answer : null
    const vouched = left?.own ? UNDENIED : DENIED
    return this.#fused(slot, forward ?? null, null, { answer, final: false, vouched })
  }

  #pointed({ slot, answer }: Keyframe, own: NonNullable<Keyframe['own']>): GroundResult {
    const objects = pointedObjects(own, own.measured, answer.points)
    return toResult(slot, answer, objects, own.measured.mask, true)
  }
}
