/** A whole panel on a page, with a kernel that the test plays. */

import { act } from "preact/test-utils"
import { vi } from "vitest"
import describeExample from "../../tests/panel/messages/describe.json"
import createWidget from "../src/index"
import type {
  DatasourceItem,
  Description,
  Draft,
  PreflightReply,
  PreviewReply,
} from "../src/messages"
import { DRAFT, FakeModel, type Handlers } from "./fake-model"

export const DESCRIPTION = describeExample.reply.payload as unknown as Description

export function source(uid: number, name: string, ...columns: string[]): DatasourceItem {
  return {
    uid,
    name,
    n_rows: 817,
    n_columns: columns.length,
    columns: columns.map((column) => ({ name: column, type: "string" })),
    created_at: 1_796_000_000,
  }
}

export function preflightReply(parts: Partial<PreflightReply> = {}): PreflightReply {
  return {
    ok: true,
    problems: [],
    n_rows: 817,
    n_rows_checked: 817,
    duplicate_share: 0,
    input_tokens: [24_000, 27_000],
    duration_s: [90, 150],
    cost: null,
    cost_text: "Free: it runs on this machine.",
    ...parts,
  }
}

export function previewReply(parts: Partial<PreviewReply> = {}): PreviewReply {
  return {
    index: 0,
    n_rows: 817,
    row: {
      datasource_uid: 3,
      x_uid: "doc::0",
      prompt: "Where?",
      system: null,
      n_tokens: 2,
      problem: null,
      cut: false,
    },
    unknown: [],
    problems: [],
    ...parts,
  }
}

const SOURCES = [
  source(3, "questions", "question", "answer"),
  source(5, "tickets", "instruction"),
]

const KERNEL: Handlers = {
  describe: () => DESCRIPTION,
  datasources: () => ({ items: SOURCES, total: SOURCES.length }),
  variables: () => ({ items: [] }),
  guess_mappings: () => ({ column_mappings: { question: "instruction" } }),
  preview: () => previewReply(),
  preflight: () => preflightReply(),
  presets: () => ({ items: [] }),
  jobs: () => ({ items: [], total: 0 }),
}

export interface Mounted {
  model: FakeModel
  root: HTMLElement
  /** The part with this test id; fails if it is not there. */
  part: <Kind extends HTMLElement = HTMLElement>(testid: string) => Kind
  find: (testid: string) => HTMLElement | null
  all: (testid: string) => HTMLElement[]
  /** Let time go by until nothing more comes of it. */
  settle: (ms?: number) => Promise<void>
  press: (testid: string) => Promise<void>
  type: (testid: string, text: string) => Promise<void>
  choose: (testid: string, value: string) => Promise<void>
  call: () => Draft
  unmount: () => void
}

/** Mount a panel. Timers have to be fake. */
export async function mountPanel(
  handlers: Handlers = {},
  traits: Record<string, unknown> = {},
): Promise<Mounted> {
  const model = new FakeModel({ ...KERNEL, ...handlers }, traits)
  const root = document.createElement("div")
  document.body.append(root)
  const widget = createWidget()
  const close = widget.initialize({ model })
  let leave = () => {}
  await act(() => {
    leave = widget.render({ model, el: root })
  })
  const settle = (ms = 1_000) =>
    act(async () => {
      await vi.advanceTimersByTimeAsync(ms)
    }) as Promise<void>
  const all = (testid: string) => [
    ...root.querySelectorAll<HTMLElement>(`[data-testid="${testid}"]`),
  ]
  const find = (testid: string) => all(testid)[0] ?? null
  const part = <Kind extends HTMLElement>(testid: string): Kind => {
    const found = find(testid)
    if (found === null) throw new Error(`There is no ${testid}.`)
    return found as Kind
  }
  const change = async (testid: string, value: string, kind: "input" | "change") => {
    const control = part<HTMLInputElement>(testid)
    control.value = value
    await act(() => {
      control.dispatchEvent(new Event(kind, { bubbles: true }))
    })
  }
  await settle()
  return {
    model,
    root,
    part,
    find,
    all,
    settle,
    press: async (testid) => {
      await act(() => part(testid).click())
    },
    type: (testid, text) => change(testid, text, "input"),
    choose: (testid, value) => change(testid, value, "change"),
    call: () => model.get("call") as Draft,
    unmount: () => {
      leave()
      close()
      root.remove()
    },
  }
}

export { DRAFT }
