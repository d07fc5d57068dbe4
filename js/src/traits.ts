/** The traits that browser and kernel share, as signals. */

import { batch, type ReadonlySignal, signal } from "@preact/signals"
import type { HostModel } from "./host"
import type { Draft, JobSnapshot, Session, Versions } from "./messages"

export interface EditOptions {
  /** The edit is one of many key strokes, so that it may wait for the next. */
  typing?: boolean
}

const TYPING_REST_MS = 150
const SENT_KEPT = 50

/** The trait `call`: what the user edits goes out, what the kernel restores comes in. */
export class CallTrait {
  readonly #model: HostModel
  readonly #call
  // Writes of ours come back as changes, also after later ones were typed.
  readonly #sent: string[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(model: HostModel) {
    this.#model = model
    this.#call = signal(model.get("call") as Draft)
  }

  get value(): ReadonlySignal<Draft> {
    return this.#call
  }

  edit(patch: Partial<Draft>, { typing = false }: EditOptions = {}): void {
    this.#call.value = { ...this.#call.value, ...patch }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.flush(), TYPING_REST_MS)
    if (!typing) this.flush()
  }

  /** Send what was edited and is not sent yet. */
  flush(): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sent.push(JSON.stringify(this.#call.value))
    if (this.#sent.length > SENT_KEPT) this.#sent.shift()
    this.#model.set("call", this.#call.value)
    this.#model.save_changes()
  }

  readonly onChange = (): void => {
    const incoming = this.#model.get("call") as Draft
    const text = JSON.stringify(incoming)
    if (this.#sent.includes(text)) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sent.length = 0
    this.#call.value = incoming
  }
}

export interface Traits {
  call: CallTrait
  job: ReadonlySignal<JobSnapshot | null>
  versions: ReadonlySignal<Versions>
  session: ReadonlySignal<Session>
  disconnect: () => void
}

/** Follow the model's traits until `disconnect`; `onUpdate` hears of those the kernel sent. */
export function connectTraits(model: HostModel, onUpdate: () => void): Traits {
  const call = new CallTrait(model)
  const job = signal((model.get("job") ?? null) as JobSnapshot | null)
  const versions = signal(model.get("versions") as Versions)
  const session = signal(model.get("session") as Session)
  const onKernelTrait = () => {
    onUpdate()
    batch(() => {
      job.value = (model.get("job") ?? null) as JobSnapshot | null
      versions.value = model.get("versions") as Versions
      session.value = model.get("session") as Session
    })
  }
  const events = ["change:job", "change:versions", "change:session"]
  for (const event of events) model.on(event, onKernelTrait)
  model.on("change:call", call.onChange)
  const disconnect = () => {
    call.flush()
    for (const event of events) model.off(event, onKernelTrait)
    model.off("change:call", call.onChange)
  }
  return { call, job, versions, session, disconnect }
}
