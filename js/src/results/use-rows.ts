/** Result rows for one view of the panel. */

import { useEffect, useLayoutEffect, useMemo, useReducer } from "preact/hooks"
import type { PanelState } from "../state"
import { PromptCells } from "./prompts"
import { type Ask, type RowQuery, RowWindows } from "./rows"

export interface Rows {
  windows: RowWindows
  prompts: PromptCells
  /** Grows when they change: they stay the same objects, which a component would not notice. */
  revision: number
}

/** Follow a query; the component renders again when rows have come. */
export function useRows({ rpc }: PanelState, query: RowQuery, version: number): Rows {
  const [revision, renderAgain] = useReducer(
    (times: number, _: undefined) => times + 1,
    0,
  )
  const rows = useMemo(() => {
    const ask: Ask = (type, payload, options) => rpc.request(type, payload, options)
    const changed = () => renderAgain(undefined)
    return {
      windows: new RowWindows(ask, changed),
      prompts: new PromptCells(ask, changed),
    }
  }, [rpc])
  useLayoutEffect(() => rows.windows.query(query, version))
  useEffect(
    () => () => {
      rows.windows.close()
      rows.prompts.close()
    },
    [rows],
  )
  return { ...rows, revision }
}
