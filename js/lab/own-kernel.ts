/** A kernel that the side bar starts for itself where no notebook is open. */

import { registerWidgetManager } from "@jupyter-widgets/jupyterlab-manager"
import { SessionContext } from "@jupyterlab/apputils"
import type { IRenderMimeRegistry } from "@jupyterlab/rendermime"
import { ServerConnection, type ServiceManager, type Session } from "@jupyterlab/services"
import { Widget } from "@lumino/widgets"
import { isLeftBehind, pythonKernel, SESSION } from "./own-sessions"
import type { Target } from "./target"

/** Start a kernel of Python. It ends when the target's owner is disposed, or with the page. */
export async function startOwnKernel(
  services: ServiceManager.IManager,
  rendermime: IRenderMimeRegistry,
): Promise<Target> {
  await services.kernelspecs.ready
  const name = pythonKernel(services.kernelspecs.specs)
  if (name === null) throw new Error("This server has no Python kernel.")
  if (registerWidgetManager === undefined)
    throw new Error("This page has no Jupyter widgets. Open a notebook instead.")
  const sessionContext = new SessionContext({
    kernelManager: services.kernels,
    sessionManager: services.sessions,
    specsManager: services.kernelspecs,
    name: SESSION, // what the kernel is told
    path: `${SESSION}-${crypto.randomUUID()}`,
    type: "outboard",
    kernelPreference: { name, shutdownOnDispose: true },
  })
  const owner = new Widget()
  owner.disposed.connect(() => sessionContext.dispose())
  endWithPage(sessionContext, services.serverSettings)
  try {
    await sessionContext.initialize()
    await sessionContext.ready
  } catch (cause) {
    owner.dispose()
    throw cause
  }
  const own = rendermime.clone()
  // The manager asks for a notebook; this much of one is enough for it.
  const context = {
    sessionContext,
    saveState: { connect: () => true },
    model: { getMetadata: () => undefined },
  }
  registerWidgetManager(context, own, [])
  return {
    sessionContext,
    rendermime: own,
    owner,
    title: "Own kernel",
    chooseKernel: "",
    insert: null,
  }
}

/** End kernels of pages that broke before they could do it themselves. */
export async function endLeftBehind(
  sessions: Session.IManager,
  now: number,
): Promise<void> {
  await sessions.ready
  await sessions.refreshRunning()
  const left = [...sessions.running()].filter((session) => isLeftBehind(session, now))
  await Promise.all(left.map(({ id }) => sessions.shutdown(id)))
}

function endWithPage(
  context: SessionContext,
  settings: ServerConnection.ISettings,
): void {
  const end = () => {
    const id = context.session?.id
    if (id === undefined) return
    const url = new URL(`api/sessions/${encodeURIComponent(id)}`, settings.baseUrl).href
    ServerConnection.makeRequest(url, { method: "DELETE", keepalive: true }, settings)
  }
  window.addEventListener("pagehide", end)
  context.disposed.connect(() => window.removeEventListener("pagehide", end))
}
