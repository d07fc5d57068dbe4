/** What the setup side knows beside the call itself, shared by all views of a panel. */

import {
  computed,
  effect,
  type ReadonlySignal,
  type Signal,
  signal,
} from "@preact/signals"
import { type Answer, askLatest, lastOf } from "../latest"
import type {
  DatasourceItem,
  Page,
  PreflightReply,
  PresetItem,
  PreviewReply,
  Problem,
  VariableItem,
} from "../messages"
import type { PanelState } from "../state"
import { Launching } from "./launching"
import {
  columnOfRole,
  columnsOf,
  mappingFits,
  type TemplateName,
  templateNames,
} from "./names"
import type { Kept } from "./provider"

export interface SetupStore {
  search: Signal<string>
  sources: ReadonlySignal<Answer<Page<DatasourceItem>>>
  /** True if nothing is registered at all. */
  isEmpty: ReadonlySignal<boolean>
  /** The call's datasources, as far as they are known. */
  chosen: ReadonlySignal<DatasourceItem[]>
  /** Role -> column. */
  mapped: ReadonlySignal<Map<string, string>>
  /** True if the roles were guessed and nobody has touched them since. */
  guessed: Signal<boolean>
  names: ReadonlySignal<TemplateName[]>
  /** Which of the chosen rows is previewed. */
  index: Signal<number>
  preview: ReadonlySignal<Answer<PreviewReply>>
  /** Grows to check again. */
  rechecks: Signal<number>
  preflight: ReadonlySignal<Answer<PreflightReply>>
  /** What is known to be wrong with the call as it stands. */
  problems: ReadonlySignal<Problem[]>
  presets: ReadonlySignal<Answer<{ items: PresetItem[] }>>
  variables: ReadonlySignal<Answer<{ items: VariableItem[] }>>
  launching: Launching
  kept: Kept
  lookForVariables: () => void
  chooseSources: (uids: number[]) => void
}

const MOST_SOURCES = 100
const stores = new WeakMap<PanelState, SetupStore>()

export function setupOf(panel: PanelState): SetupStore {
  const store = stores.get(panel) ?? openSetup(panel)
  stores.set(panel, store)
  return store
}

function openSetup(panel: PanelState): SetupStore {
  const { call, rpc, versions, closed } = panel
  const paused = () => !panel.answers.value || !panel.seen.value
  const asks = { rpc, closed, paused }

  const search = signal("")
  const uids = computed(() => call.value.datasource_uids)
  const sources = askLatest({
    ...asks,
    type: "datasources",
    restMs: 100,
    payload: () => ({
      search: search.value,
      limit: MOST_SOURCES,
      include_uids: uids.value,
    }),
    also: () => versions.value.datasources,
  })
  const chosen = computed(() => {
    const items = lastOf(sources.value)?.items ?? []
    return uids.value
      .map((uid) => items.find((item) => item.uid === uid))
      .filter((item) => item !== undefined)
  })
  const isEmpty = computed(
    () => search.value === "" && lastOf(sources.value)?.total === 0,
  )
  const roles = computed(() => panel.description.value?.roles ?? [])
  const mapped = computed(() =>
    columnOfRole(call.value, roles.value, new Set(columnsOf(chosen.value).keys())),
  )
  const names = computed(() => templateNames(mapped.value, chosen.value))

  const index = signal(0)
  const preview = askLatest({
    ...asks,
    type: "preview",
    restMs: 150,
    payload: () => ({ draft: call.value, index: index.value }),
  })
  const rechecks = signal(0)
  const preflight = askLatest({
    ...asks,
    type: "preflight",
    restMs: 600,
    payload: () => ({ draft: call.value }),
    also: () => [rechecks.value, versions.value.datasources],
  })
  const problems = computed(() => knownProblems(preflight.value, preview.value))
  const presets = askLatest({
    ...asks,
    type: "presets",
    restMs: 0,
    payload: () => ({}),
    also: () => versions.value.presets,
  })
  // The kernel tells nobody when a cell makes a variable: asked whenever somebody looks.
  const looks = signal(0)
  const variables = askLatest({
    ...asks,
    type: "variables",
    restMs: 0,
    payload: () => ({}),
    also: () => looks.value,
  })

  const guessed = signal(false)
  const store: SetupStore = {
    search,
    sources,
    isEmpty,
    chosen,
    mapped,
    guessed,
    names,
    index,
    preview,
    rechecks,
    preflight,
    problems,
    presets,
    variables,
    launching: new Launching(panel),
    kept: new Map(),
    lookForVariables: () => {
      looks.value += 1
    },
    chooseSources: (chosenUids) => {
      index.value = 0
      panel.editCall({ datasource_uids: chosenUids })
    },
  }
  guessRoles(panel, store)
  return store
}

/** The newest judgement of the call as it stands; the preview's comes before the preflight's. */
function knownProblems(
  preflight: Answer<PreflightReply>,
  preview: Answer<PreviewReply>,
): Problem[] {
  if (preflight.status === "ready") return preflight.value.problems
  if (preview.status === "ready") return preview.value.problems
  return lastOf(preflight)?.problems ?? lastOf(preview)?.problems ?? []
}

/** Ask for roles by the columns' names whenever other datasources leave a mapping unfit. */
function guessRoles(panel: PanelState, store: SetupStore): void {
  let guessedFor = ""
  let abort = new AbortController()
  const stop = effect(() => {
    const sources = store.chosen.value
    const uids = panel.call.value.datasource_uids
    if (uids.length === 0 || sources.length < uids.length) return
    const key = uids.join()
    if (key === guessedFor) return
    guessedFor = key
    abort.abort()
    if (mappingFits(store.mapped.value, new Set(columnsOf(sources).keys()))) return
    abort = new AbortController()
    const { signal } = abort
    panel.rpc.request("guess_mappings", { datasource_uids: uids }, { signal }).then(
      ({ payload }) => {
        // A guess for other datasources, or after a choice of the user's, is no use.
        if (signal.aborted || panel.call.peek().datasource_uids.join() !== key) return
        store.guessed.value = payload.column_mappings !== null
        panel.editCall({ column_mappings: payload.column_mappings })
      },
      () => {
        // The roles stay to be chosen by hand.
      },
    )
  })
  panel.closed.addEventListener("abort", () => {
    stop()
    abort.abort()
  })
}
