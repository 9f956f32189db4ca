/** Style and script of the HTML report, inlined so that the file stands alone. */
export const STYLE = `
:root { color-scheme: light; --ink: #16202e; --soft: #5b6778; --line: #e2e7ee; --paper: #fff; --ground: #f4f6f9; --own: #0f766e; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 36px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 40px 0 12px; }
p { margin: 6px 0; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; margin: 22px 0; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px; }
.tile b { display: block; font-size: 30px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile.main b { color: var(--own); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 16px; }
.pair { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); gap: 16px; align-items: start; margin-bottom: 16px; }
@media (max-width: 860px) { .pair, .charts { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 0; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
figcaption { font-weight: 600; margin-bottom: 8px; }
.chart svg { width: 100%; height: auto; display: block; }
svg text { font-size: 12px; fill: var(--soft); } svg text.name { fill: var(--ink); } svg text.own { fill: var(--own); font-weight: 700; }
.grid { stroke: var(--line); stroke-width: 1; } .bar { fill: #b9c4d3; } .bar.own { fill: var(--own); }
table { width: 100%; border-collapse: collapse; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; text-align: right; border-top: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
table.sortable td:first-child { overflow-wrap: anywhere; }
.pair th, .pair td { padding: 7px 9px; }
.scroll { overflow-x: auto; }
thead th { background: #eaeef4; border-top: 0; font-weight: 600; }
table.sortable thead th { cursor: pointer; } thead th[data-order]::after { content: " ▾"; } thead th[data-order="up"]::after { content: " ▴"; }
tr.own td { color: var(--own); font-weight: 700; }
.spark { width: 120px; height: 24px; vertical-align: middle; }
.worst { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 16px; }
.worst img { width: 100%; height: 220px; object-fit: contain; border-radius: 6px; display: block; background: #28303b; }
.worst figcaption { font-weight: 400; margin: 8px 0 0; overflow-wrap: anywhere; }
.key span { display: inline-block; margin-right: 16px; } .key i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
ul.faults { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px 12px 34px; overflow-wrap: anywhere; }
details summary { cursor: pointer; }
`

/** Sorts a table by the column whose head is clicked. */
export const SCRIPT = `
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells]
  for (const [column, head] of heads.entries()) head.addEventListener('click', () => {
    const order = head.dataset.order === 'down' ? 'up' : 'down'
    for (const other of heads) delete other.dataset.order
    head.dataset.order = order
    const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)]
      const difference = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y
      return order === 'up' ? difference : -difference
    }
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare))
  })
}
`
