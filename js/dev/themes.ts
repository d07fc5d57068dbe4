/** The variables that JupyterLab's own themes set, as far as the panel looks at them. */

const THEMES: Record<string, Record<string, string>> = {
  "lab-light": {
    "--jp-layout-color1": "white",
    "--jp-ui-font-color1": "rgba(0, 0, 0, 0.87)",
    "--jp-brand-color1": "#1976d2",
    "--jp-ui-font-family": "system-ui, Helvetica, Arial, sans-serif",
    "--jp-code-font-family": "Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  },
  "lab-dark": {
    "--jp-layout-color1": "#212121",
    "--jp-ui-font-color1": "rgba(255, 255, 255, 0.87)",
    "--jp-brand-color1": "#2196f3",
    "--jp-ui-font-family": "system-ui, Helvetica, Arial, sans-serif",
    "--jp-code-font-family": "Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  },
}

export function wearTheme(name: string | null): void {
  const theme = name === null ? undefined : THEMES[name]
  if (theme === undefined) return
  for (const [variable, value] of Object.entries(theme))
    document.body.style.setProperty(variable, value)
  document.body.dataset.jpThemeLight = String(name === "lab-light")
  document.body.style.background = theme["--jp-layout-color1"] ?? ""
}
