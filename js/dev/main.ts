/**
 * The panel with a kernel that is played here. In the address: `scene` (see scenes.ts),
 * `width` in pixels, `rows` of the result, `theme` for the variables of JupyterLab's themes.
 */

import createWidget from "../src/index"
import { FakeModel } from "../tests/fake-model"
import { fakeKernel } from "./kernel"
import { type Scene, type SceneName, scenes } from "./scenes"
import { wearTheme } from "./themes"

const asked = new URLSearchParams(location.search)
const scene: Scene =
  scenes[(asked.get("scene") ?? "chosen") as SceneName] ?? scenes.chosen
const view = document.getElementById("view")
if (view) {
  wearTheme(asked.get("theme"))
  view.style.width = asked.has("width") ? `${asked.get("width")}px` : ""
  const model = new FakeModel({}, { ...scene.traits })
  model.handlers = fakeKernel(model, {
    nRows: Number(asked.get("rows") ?? 1_000_000),
    preview: scene.preview,
    preflight: scene.preflight,
    empty: scene.empty ?? false,
  })
  if (scene.silent) model.handlers = {}
  else setInterval(() => model.beat(), 2_000)
  const widget = createWidget()
  widget.initialize({ model })
  widget.render({ model, el: view })
  Object.assign(window, { model })
}
