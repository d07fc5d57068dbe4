/** A part of the panel on a page, with a kernel that the test plays. */

import { render } from "@testing-library/preact"
import type { ComponentChildren } from "preact"
import { onTestFinished } from "vitest"
import type { ResultRow } from "../../src/messages"
import { openPanel, PanelContext } from "../../src/state"
import { FakeModel, type Handlers, WithBuffer } from "../fake-model"
import { promptsBuffer, resultRow, rowsBuffer } from "./arrow-rows"

export function show(
  children: ComponentChildren,
  handlers: Handlers = {},
  traits: Record<string, unknown> = {},
) {
  const model = new FakeModel(handlers, traits)
  const { state, mount, close } = openPanel(model)
  const unmount = mount()
  model.beat()
  const view = render(
    <PanelContext.Provider value={state}>{children}</PanelContext.Provider>,
  )
  onTestFinished(() => {
    view.unmount()
    unmount()
    close()
  })
  return { ...view, model, state }
}

/** Handlers of a kernel that holds these rows. */
export function holding(rows: readonly ResultRow[], version = 1): Handlers {
  return {
    rows: ({ start, stop, filter }) => {
      const found = rows.filter((row) => (row.response ?? "").includes(filter.text))
      const reply = { start, total: found.length, version }
      return new WithBuffer(reply, rowsBuffer(found.slice(start, stop)))
    },
    prompts: ({ ordinals }) =>
      new WithBuffer(
        {},
        promptsBuffer(
          ordinals.map((ordinal) => ({
            ordinal,
            prompt: `prompt ${ordinal}`,
            reference: `reference ${ordinal}`,
          })),
        ),
      ),
    row: ({ ordinal }) => {
      const row = rows.find((each) => each.ordinal === ordinal) ?? resultRow(ordinal)
      const { response_chars: _, ...kept } = row
      return {
        ...kept,
        prompt: `prompt ${ordinal}`,
        system: null,
        reference: `reference ${ordinal}`,
        cut: [],
      }
    },
  }
}
