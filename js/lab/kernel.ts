/** Ask a kernel for the value of an expression, leaving no trace in it. */

import { type Kernel, KernelMessage } from "@jupyterlab/services"
import { type Answer, answerOf } from "./answer"

export const PANEL =
  "__import__('outboard.panel.side_panel', fromlist=['side_panel']).side_panel()"

/** A cell that fails takes the requests that wait behind it with it. */
const MOST_ABORTS = 5

/**
 * Evaluate an expression, beside the running cell where the kernel can do that. Resolves once
 * everything that the kernel sent because of it has been handled. Whether a cell runs is not
 * looked at: a kernel is said to be idle after any message that was handled beside it.
 */
export async function evaluate(
  kernel: Kernel.IKernelConnection,
  expression: string,
): Promise<Answer> {
  const subshell = await openSubshell(kernel)
  try {
    for (let aborts = 0; aborts < MOST_ABORTS; aborts += 1) {
      const reply = await execute(kernel, expression, subshell)
      const answer = answerOf(reply.content)
      if (answer !== null) return answer
    }
    return { ok: false, ename: "Aborted", evalue: "The cells before it failed." }
  } finally {
    if (subshell !== null && !kernel.isDisposed)
      kernel.requestDeleteSubshell({ subshell_id: subshell })
  }
}

function execute(
  kernel: Kernel.IKernelConnection,
  expression: string,
  subshell: string | null,
) {
  const content = {
    code: "",
    silent: true,
    store_history: false,
    allow_stdin: false,
    stop_on_error: false,
    user_expressions: { value: expression },
  }
  if (subshell === null) return kernel.requestExecute(content).done
  const message = KernelMessage.createMessage({
    msgType: "execute_request",
    channel: "shell",
    username: kernel.username,
    session: kernel.clientId,
    subshellId: subshell,
    content,
  })
  return kernel.sendShellMessage(message, true).done as ReturnType<
    Kernel.IKernelConnection["requestExecute"]
  >["done"]
}

async function openSubshell(kernel: Kernel.IKernelConnection): Promise<string | null> {
  // Not in JupyterLab before 4.4.
  if (!kernel.supportsSubshells) return null
  const { content } = await kernel.requestCreateSubshell({}).done
  return content.subshell_id ?? null
}
