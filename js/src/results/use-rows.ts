/** Result rows for one view of the panel. */

import { useEffect, useLayoutEffect, useMemo, useReducer } from "preact/hooks"
import type { PanelState } from "../state"
import { askingRows } from "./early-rows"
import { PromptCells } from "./prompts"
import { type RowQuery, RowWindows } from "./rows"

export interface Rows {
  windows: RowWindows
  prompts: PromptCells
  /** Grows when they change: they stay the same objects, which a component would not notice. */
  revision: number
}

/** Follow a query; the component renders again when rows have come. */
export function useRows(panel: PanelState, query: RowQuery, version: number): Rows {
  const [revision, renderAgain] = useReducer(
    (times: number, _: undefined) => times + 1,
    0,
  )
  const rows = useMemo(() => {
    const ask = askingRows(panel)
    const changed = () => renderAgain(undefined)
    return {
      windows: new RowWindows(ask, changed),
      prompts: new PromptCells(ask, changed),
    }
  }, [panel])
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
