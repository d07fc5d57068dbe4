import { usePanel } from "./state"
import { Icon } from "./ui/Icon"

/** Says so when nobody is behind the panel. */
export function KernelBanner() {
  const panel = usePanel()
  const error = panel.descriptionError.value
  if (panel.kernel.value === "silent")
    return (
      <div class="ob-problem ob-warning-box" role="alert" data-testid="kernel-silent">
        <span class="ob-warning">
          <Icon name="warning" />
        </span>
        <p>
          The kernel does not answer. It was restarted or has stopped. Your job goes on in
          its own process; run the cell again to see it.
        </p>
      </div>
    )
  if (panel.kernel.value === "waiting")
    return <p class="ob-small ob-muted">Waiting for the kernel…</p>
  if (error !== null && error.code !== "closed")
    return (
      <p class="ob-small ob-error" role="alert">
        {error.message} {error.hint}
      </p>
    )
  return null
}
