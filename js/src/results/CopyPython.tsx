import { useState } from "preact/hooks"
import { callAsPython } from "../as-python"
import { type RpcError, toRpcError } from "../rpc"
import { usePanel } from "../state"
import { CopyButton } from "./CopyButton"
import { Fault } from "./Fault"
import "./results.css"

interface CopyPythonProps {
  /** The call of this job instead of the one that is being edited. */
  jobId?: string
}

/** Copies Python source that makes the same call. */
export function CopyPython({ jobId }: CopyPythonProps) {
  const panel = usePanel()
  const [error, setError] = useState<RpcError | null>(null)

  const source = async () => {
    setError(null)
    if (jobId === undefined) return callAsPython(panel)
    const payload = { draft: null, job_id: jobId }
    return (await panel.rpc.request("as_python", payload)).payload.code
  }
  return (
    <>
      <CopyButton
        label={
          jobId === undefined ? "Copy this call as Python" : "Copy this job as Python"
        }
        words={jobId === undefined ? "Copy as Python" : undefined}
        testId={jobId === undefined ? "copy-as-python" : undefined}
        text={source}
        onError={(cause) => setError(toRpcError(cause))}
      />
      {error !== null && <Fault error={error} />}
    </>
  )
}
