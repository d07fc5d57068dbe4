import { PanelContext, type PanelState } from "./state"

export function PanelRoot({ state }: { state: PanelState }) {
  return (
    <PanelContext.Provider value={state}>
      <div
        class="outboard-panel"
        data-testid="outboard-panel"
        data-job-status={state.job.value?.status ?? "none"}
      />
    </PanelContext.Provider>
  )
}
