/** What the side bar shows in place of the panel, in words. */

import type { Answer } from "./answer"

/** Why there is no panel to see, or that there is one. */
export type SideState =
  | { kind: "no-notebook" }
  | { kind: "no-kernel" }
  | { kind: "starting" }
  | { kind: "restarting" }
  | { kind: "disconnected" }
  | { kind: "dead" }
  | { kind: "busy" }
  | { kind: "opening" }
  | { kind: "not-python"; language: string }
  | { kind: "not-installed" }
  | { kind: "too-old" }
  | { kind: "failed"; message: string }
  | { kind: "shown" }

export type ActionName = "start-own-kernel" | "choose-kernel" | "restart-kernel" | "retry"

export interface Words {
  title: string
  text: string
  /** A line to copy into a cell. */
  code?: string
  action?: ActionName
  /** Something is under way that will end by itself. */
  waiting?: boolean
}

export const ACTION_LABELS: Record<ActionName, string> = {
  "start-own-kernel": "Start a kernel for the panel",
  "choose-kernel": "Choose a kernel",
  "restart-kernel": "Restart the kernel",
  retry: "Try again",
}

/** Return what stands in the way of asking a kernel, by what JupyterLab says of it, or null. */
export function obstacle(displayStatus: string, hasKernel: boolean): SideState | null {
  switch (displayStatus) {
    case "idle":
    case "busy":
      return hasKernel ? null : { kind: "no-kernel" }
    case "starting":
    case "initializing":
      return { kind: "starting" }
    case "restarting":
    case "autorestarting":
      return { kind: "restarting" }
    case "connecting":
    case "disconnected":
      return { kind: "disconnected" }
    case "dead":
      return { kind: "dead" }
    default:
      // Unknown, or terminating.
      return hasKernel && displayStatus === "unknown"
        ? { kind: "starting" }
        : { kind: "no-kernel" }
  }
}

/** Return true if a panel that is there stays in sight: only the way to it is cut. */
export function keepsPanel(state: SideState): boolean {
  return state.kind === "disconnected"
}

/** Return why a kernel did not hand over its panel. */
export function refusal({ ename, evalue }: Extract<Answer, { ok: false }>): SideState {
  if (ename === "ModuleNotFoundError") {
    if (evalue === "No module named 'outboard'") return { kind: "not-installed" }
    if (/^No module named 'outboard\.[\w.]+'$/.test(evalue)) return { kind: "too-old" }
  }
  if (ename === "AttributeError" && evalue.includes("outboard.panel.side_panel"))
    return { kind: "too-old" }
  const message = ename === "OutboardError" ? evalue : `${ename}: ${evalue}`
  return { kind: "failed", message }
}

export function wordsFor(state: Exclude<SideState, { kind: "shown" }>): Words {
  switch (state.kind) {
    case "no-notebook":
      return {
        title: "No notebook is open",
        text: "The panel works in the kernel of the notebook or console that you are in. Open one, or start a kernel for the panel alone, which ends with this page.",
        action: "start-own-kernel",
      }
    case "no-kernel":
      return {
        title: "This notebook has no kernel",
        text: "The panel works in the notebook's kernel.",
        action: "choose-kernel",
      }
    case "starting":
      return { title: "The kernel is starting", text: "", waiting: true }
    case "restarting":
      return {
        title: "The kernel is restarting",
        text: "Jobs go on meanwhile, in processes of their own.",
        waiting: true,
      }
    case "disconnected":
      return {
        title: "No connection to the kernel",
        text: "JupyterLab is trying to connect again. Jobs go on meanwhile.",
        waiting: true,
      }
    case "dead":
      return {
        title: "The kernel is dead",
        text: "Jobs go on in processes of their own. Restart the kernel to see them again.",
        action: "restart-kernel",
      }
    case "busy":
      return {
        title: "The kernel is busy",
        text: "The panel opens as soon as the running cell has ended.",
        waiting: true,
      }
    case "opening":
      return { title: "Opening the panel", text: "", waiting: true }
    case "not-python":
      return {
        title: "This is not a Python kernel",
        text: `The panel works in Python; this kernel runs ${state.language}. Open a Python notebook.`,
      }
    case "not-installed":
      return {
        title: "outboard is not installed in this kernel",
        text: "Run this in a cell, then try again.",
        code: "%pip install outboard",
        action: "retry",
      }
    case "too-old":
      return {
        title: "This kernel's outboard is too old",
        text: "Run this in a cell, restart the kernel, then try again.",
        code: "%pip install --upgrade outboard",
        action: "retry",
      }
    case "failed":
      return {
        title: "The panel could not be opened",
        text: state.message,
        action: "retry",
      }
  }
}
