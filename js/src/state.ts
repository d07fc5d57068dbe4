/** Everything that the views of one panel share. */

import { computed, type ReadonlySignal, signal } from "@preact/signals"
import { createContext } from "preact"
import { useContext } from "preact/hooks"
import { announceJob } from "./announce"
import type { HostModel } from "./host"
import { type KernelState, Liveness } from "./liveness"
import type { Description, Draft, JobSnapshot, Session, Versions } from "./messages"
import { ModelRpc, type Rpc, type RpcError, toRpcError } from "./rpc"
import { connectTraits, type EditOptions } from "./traits"

export interface PanelState {
  /** The call as the user edits it. */
  call: ReadonlySignal<Draft>
  job: ReadonlySignal<JobSnapshot | null>
  versions: ReadonlySignal<Versions>
  session: ReadonlySignal<Session>
  /** null until the kernel has answered. */
  description: ReadonlySignal<Description | null>
  /** Why there is no description. */
  descriptionError: ReadonlySignal<RpcError | null>
  kernel: ReadonlySignal<KernelState>
  /** True if actions make sense: somebody is there to act. */
  answers: ReadonlySignal<boolean>
  /** True while a view is on the screen; nothing is asked ahead for one that is not. */
  seen: ReadonlySignal<boolean>
  noteSeen: (view: object, seen: boolean) => void
  rpc: Rpc
  editCall: (patch: Partial<Draft>, options?: EditOptions) => void
  /** Send what was typed before something is done with it. */
  flushCall: () => void
  /** Aborted when the model goes; what follows the state all its life stops then. */
  closed: AbortSignal
}

export interface Panel {
  state: PanelState
  /** A view was mounted; returns what to do when it goes. */
  mount: () => () => void
  close: () => void
}

/** Connect a model: once for each, however many views show it. */
export function openPanel(model: HostModel): Panel {
  const rpc = new ModelRpc(model)
  const liveness = new Liveness({ longestWaitMs: (now) => rpc.longestWaitMs(now) })
  const traits = connectTraits(model, () => liveness.heard())
  const closing = new AbortController()
  const description = signal<Description | null>(null)
  const descriptionError = signal<RpcError | null>(null)
  const seenViews = new Set<object>()
  const seen = signal(false)
  let views = 0

  const onMessage = (message: unknown, buffers: readonly DataView[] = []) => {
    liveness.heard()
    rpc.receive(message, buffers)
  }
  model.on("msg:custom", onMessage)

  // Asked by each new view: an answer also shows that somebody is there.
  const describe = () => {
    rpc.request("describe", {}, { signal: closing.signal }).then(
      ({ payload }) => {
        description.value = payload
        descriptionError.value = null
      },
      (cause: unknown) => {
        descriptionError.value = toRpcError(cause)
      },
    )
  }

  // A kernel that was slow to start is asked again once it speaks.
  const stopAsking = liveness.state.subscribe((kernel) => {
    if (kernel === "alive" && descriptionError.peek() !== null) describe()
  })

  const mount = () => {
    views += 1
    liveness.start()
    describe()
    return () => {
      views -= 1
      if (views === 0) liveness.stop()
    }
  }
  const stopAnnouncing = announceJob({
    job: traits.job,
    session: traits.session,
    kernel: liveness.state,
  })
  const close = () => {
    stopAnnouncing()
    stopAsking()
    // First: nobody may be there any more to be told that requests are given up.
    rpc.close()
    closing.abort()
    liveness.stop()
    traits.disconnect()
    model.off("msg:custom", onMessage)
  }
  const state: PanelState = {
    call: traits.call.value,
    job: traits.job,
    versions: traits.versions,
    session: traits.session,
    description,
    descriptionError,
    kernel: liveness.state,
    answers: computed(
      () => liveness.state.value === "alive" || liveness.state.value === "busy",
    ),
    seen,
    noteSeen: (view, isSeen) => {
      if (isSeen) seenViews.add(view)
      else seenViews.delete(view)
      seen.value = seenViews.size > 0
    },
    rpc,
    editCall: (patch, options) => traits.call.edit(patch, options),
    flushCall: () => traits.call.flush(),
    closed: closing.signal,
  }
  return { state, mount, close }
}

export const PanelContext = createContext<PanelState | null>(null)

export function usePanel(): PanelState {
  const state = useContext(PanelContext)
  if (state === null) throw new Error("usePanel is for components inside a panel")
  return state
}
