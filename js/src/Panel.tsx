import { useEffect, useRef } from "preact/hooks"
import { answerForCode } from "./as-python"
import { KernelBanner } from "./KernelBanner"
import { isPanelKey } from "./keys"
import { History } from "./results/History"
import { Progress } from "./results/Progress"
import { Results } from "./results/Results"
import { RunBar } from "./run/RunBar"
import { Setup } from "./setup/Setup"
import { setupOf } from "./setup/store"
import { PanelContext, type PanelState } from "./state"
import { Section } from "./ui/Section"

/** One view of a panel. */
export function PanelRoot({ state }: { state: PanelState }) {
  const root = useRef<HTMLDivElement>(null)
  useEffect(() => watchSeen(root.current, state), [state])
  useEffect(
    () => (root.current === null ? undefined : answerForCode(root.current, state)),
    [state],
  )
  setupOf(state)
  // What is there can still be read and moved through.
  const isSilent = state.kernel.value === "silent"
  return (
    <PanelContext.Provider value={state}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: only keeps keys from the host. */}
      <div
        ref={root}
        class="outboard-panel"
        data-testid="outboard-panel"
        data-job-status={state.job.value?.status ?? "none"}
        data-kernel={state.kernel.value}
        onKeyDown={(event) => {
          if (isPanelKey(event)) event.stopPropagation()
        }}
      >
        <KernelBanner />
        <div class="ob-layout">
          <fieldset class="ob-setup" disabled={isSilent}>
            <Setup />
          </fieldset>
          <div class="ob-output">
            <RunBar />
            <Progress />
            <Results />
            <Section title="History">
              <History />
            </Section>
          </div>
        </div>
      </div>
    </PanelContext.Provider>
  )
}

/** Note whether the view is on the screen, or nearly. */
function watchSeen(
  root: HTMLElement | null,
  state: PanelState,
): (() => void) | undefined {
  if (root === null) return undefined
  state.noteSeen(root, true)
  const observer =
    typeof IntersectionObserver === "undefined"
      ? null
      : new IntersectionObserver(
          (entries) => state.noteSeen(root, entries.at(-1)?.isIntersecting ?? true),
          { rootMargin: "200px" },
        )
  observer?.observe(root)
  return () => {
    observer?.disconnect()
    state.noteSeen(root, false)
  }
}
