/** The panel in JupyterLab's side bar: placement only, the panel itself is the notebook's. */

import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin,
} from "@jupyterlab/application"
import { ICommandPalette } from "@jupyterlab/apputils"
import { IConsoleTracker } from "@jupyterlab/console"
import { ILauncher } from "@jupyterlab/launcher"
import { INotebookTracker } from "@jupyterlab/notebook"
import { IRenderMimeRegistry } from "@jupyterlab/rendermime"
import { LabIcon } from "@jupyterlab/ui-components"
import { followJobs } from "./badge"
import { Controller } from "./controller"
import { ICON } from "./icon"
import style from "./style.css"
import { TargetFollower } from "./target"

const OPEN = "outboard:open-side-panel"
const CAPTION = "outboard: run a model over your rows"

export const plugin: JupyterFrontEndPlugin<void> = {
  id: "outboard:side-panel",
  description: "The panel of outboard in the side bar.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [
    INotebookTracker,
    IConsoleTracker,
    ICommandPalette,
    ILauncher,
    ILayoutRestorer,
  ],
  activate,
}

function activate(
  app: JupyterFrontEnd,
  rendermime: IRenderMimeRegistry,
  notebooks: INotebookTracker | null,
  consoles: IConsoleTracker | null,
  palette: ICommandPalette | null,
  launcher: ILauncher | null,
  restorer: ILayoutRestorer | null,
): void {
  document.head.append(
    Object.assign(document.createElement("style"), { textContent: style }),
  )
  const follower = new TargetFollower(notebooks, consoles, app.shell)
  const { panel } = new Controller(app, follower, rendermime)
  panel.title.icon = new LabIcon({ name: "outboard:panel", svgstr: ICON })
  panel.title.caption = CAPTION
  app.shell.add(panel, "right", { rank: 900 })
  restorer?.add(panel, panel.id)

  app.commands.addCommand(OPEN, {
    label: "outboard Panel",
    caption: "Open the panel of outboard beside the notebook",
    icon: panel.title.icon,
    execute: () => app.shell.activateById(panel.id),
  })
  palette?.addItem({ command: OPEN, category: "outboard" })
  launcher?.add({ command: OPEN, category: "Other", rank: 50 })

  followJobs(panel.title, CAPTION, (name) => {
    const notebook = notebooks?.find(
      ({ context }) => name?.endsWith(context.path) ?? false,
    )
    if (notebook) app.shell.activateById(notebook.id)
    app.shell.activateById(panel.id)
  })
}
