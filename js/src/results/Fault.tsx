import type { RpcError } from "../rpc"
import { Icon } from "../ui/Icon"
import { brief } from "./safe-text"

interface FaultProps {
  error: RpcError
  /** Offered where a second try may help. */
  onRetry?: () => void
}

/** Why something did not work, in the place where it was asked for. */
export function Fault({ error, onRetry }: FaultProps) {
  return (
    <div class="ob-note ob-tone-bad" role="alert">
      <Icon name="error" />
      <div class="ob-grow">
        <bdi>{brief(error.message)}</bdi>
        {error.hint !== "" && <p class="ob-hint">{brief(error.hint)}</p>}
      </div>
      {onRetry && (
        <button type="button" class="ob-button ob-quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  )
}
