/** The icon in the side bar: rows that go out to a model. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161">
    <path d="M1 3h7v1.5H1zM1 7.25h5v1.5H1zM1 11.5h7V13H1z"/>
    <path d="M10 2.5 15.5 8 10 13.5 8.95 12.45 13.4 8 8.95 3.55z"/>
  </g>
</svg>`
