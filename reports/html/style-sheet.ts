import { darkPalette, fillInk, fills, lightPalette, type Palette } from './palette.ts';

/**
 * Colours follow the system through `light-dark()`; browsers without it, and paper, get the light
 * ones. Nothing is fetched: fonts are the system's.
 */
export function styleSheet(): string {
  return `${colours}\n${layout}\n${tables}\n${charts}\n${printing}`;
}

const names = Object.keys(lightPalette) as (keyof Palette)[];

function declare(valueOf: (name: keyof Palette) => string): string {
  return names.map((name) => `--${name}:${valueOf(name)}`).join(';');
}

const colours = `
:root{color-scheme:light dark;${declare((name) => lightPalette[name])}}
@supports (color:light-dark(#000,#fff)){
:root{${declare((name) => `light-dark(${lightPalette[name]},${darkPalette[name]})`)}}}
:root[data-theme=light]{color-scheme:light}
:root[data-theme=dark]{color-scheme:dark}`;

const layout = `
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
main,header,nav,footer{max-width:1080px;margin:0 auto;padding:0 20px}
header{padding-top:22px}
h1{font-size:19px;line-height:1.3;margin:2px 0 6px;font-weight:600}
h2{font-size:16px;margin:34px 0 8px;padding-top:10px;border-top:1px solid var(--rule)}
h3{font-size:14px;margin:18px 0 4px}
p{margin:6px 0}
a{color:var(--blue)}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;padding-top:6px}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
.soft,.legend,figcaption .soft{color:var(--soft)}
.brand{color:var(--soft);font-size:12px;letter-spacing:.04em}
.verdict{padding-left:12px;border-left:5px solid var(--soft)}
.verdict-pass{border-color:var(--blue)}
.verdict-fail{border-color:var(--orange)}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:12px}
.empty{color:var(--soft);font-style:italic}
.warning{border-left:3px solid var(--orange);padding-left:9px}
.scroll{overflow-x:auto}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
code{font:12px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;
overflow-wrap:anywhere}
summary{cursor:pointer}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:4px 20px;margin:6px 0}
dl.facts{grid-template-columns:repeat(auto-fill,minmax(300px,1fr))}
dl>div{display:flex;gap:8px;min-width:0}
dl>.wide{grid-column:1/-1}
dt{color:var(--soft);flex:none}
dd{margin:0;overflow-wrap:anywhere}
.state{display:inline-block;white-space:nowrap;padding:0 7px;border-radius:3px;
border:1px solid transparent;font-weight:600;font-size:12.5px;line-height:1.55}
.state-pass{color:var(--blue);background:var(--blueTint)}
.state-fail,.state-unexpected-pass{color:var(--orange);background:var(--orangeTint);
border-color:var(--orange)}
.state-expected-fail{color:var(--orange);border:1px dashed var(--orange)}
.state-inconclusive,.state-error{color:var(--ink);background:var(--greyTint);
border-color:var(--soft)}
.state-skip{color:var(--soft);border:1px dotted var(--soft)}
.failure{border:1px solid var(--rule);border-radius:4px;margin:8px 0;padding:6px 12px}
.failure[open]{padding-bottom:12px}
.command{background:var(--greyTint);border-radius:4px;padding:6px 10px;margin:8px 0}
.proof ol{margin:2px 0;padding-left:22px}
li.missing,li.cut{color:var(--orange)}
button,select,input{font:inherit;font-size:12px;color:var(--ink);background:var(--paper);
border:1px solid var(--soft);border-radius:3px;padding:1px 7px}
button[aria-pressed=true]{background:var(--blueTint);color:var(--blue);border-color:var(--blue)}
.tools{display:flex;flex-wrap:wrap;gap:6px;margin:6px 0}
.command button{margin-left:10px}
footer{color:var(--soft);padding-bottom:30px;margin-top:30px;font-size:12px}`;

const tables = `
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;border-bottom:1px solid var(--rule)}
thead th,caption{color:var(--soft);font-weight:500;font-size:12px;text-align:left}
caption{padding-bottom:4px}
tbody th{font-weight:500}
.number,.numbers td{text-align:right;white-space:nowrap}
.cells{width:100%}
.cells td:nth-child(3){min-width:260px}
.cells tr:target,.failing:target h3{background:var(--greyTint)}
.cells details{color:var(--soft);font-size:12px}
.cells dl{grid-template-columns:1fr}
.side-by-side th,.side-by-side td{padding-right:20px}
.side-by-side thead th{color:var(--ink);font-weight:600;font-size:13px}
.side-by-side tbody th{max-width:260px}
.side-by-side .part th{padding-left:14px;color:var(--soft)}
.side-by-side .part th,.side-by-side .part td{border-bottom-color:transparent;padding-top:1px;padding-bottom:1px}
.side-by-side a{text-decoration:none}
ul.plain{list-style:none;margin:0;padding:0}
ul.plain li+li{margin-top:3px}
.matrix td,.matrix tbody th{padding:5px 16px 5px 0}
.slot{display:flex;flex-wrap:wrap;gap:1px 8px;align-items:baseline;text-decoration:none;color:inherit}
.slot:hover small{text-decoration:underline}
.slot small{color:var(--soft)}
.blank{color:var(--soft);font-size:12px}
.hex{font:12px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;margin-top:6px}
.hex td,.hex th{padding:0 14px 0 0;border:0;white-space:pre}
.hex tbody th{color:var(--soft);font-weight:400}
.hex caption{font-family:system-ui,sans-serif}
del,ins{text-decoration:none;border-radius:2px}
del{background:var(--blueTint);color:var(--blue)}
ins{background:var(--orangeTint);color:var(--orange);font-weight:600}
.numbers{font-size:12px;margin-top:4px}
.numbers td{padding-left:12px}`;

const charts = `
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:14px 22px}
figure{margin:8px 0;min-width:0}
figure svg{max-width:100%;height:auto;display:block;margin-top:4px}
figure details{color:var(--soft);font-size:12px}
figcaption{font-size:13px}
svg text{font-size:11px;fill:var(--ink)}
.axis text{fill:var(--soft)}
.rule{stroke:var(--rule)}
.lanes{max-width:none}
.curve{stroke:var(--blue);stroke-width:2;stroke-linejoin:round}
.curve.unsound{stroke:var(--soft);stroke-width:1.5}
.checked{fill:var(--blueTint);stroke:var(--blue);stroke-width:1.2}
.legal{stroke:var(--orange);stroke-width:1.5}
.key-checked,.key-legal{font-weight:600;padding:0 6px;border-radius:3px}
.key-checked{color:var(--blue);background:var(--blueTint)}
.key-legal{color:var(--orange);border-bottom:2px solid var(--orange);border-radius:0}
.key-fill{color:${fillInk};padding:0 6px;margin-right:4px;border-radius:3px;font-size:12px}
${fills.map((fill, index) => `.fill-${index}{background:${fill}}`).join('\n')}
.segment rect{stroke:var(--paper);stroke-width:1}
.segment text{fill:${fillInk}}
.span{stroke:var(--blue);stroke-width:3;opacity:.45}
.dots circle,.step circle{fill:var(--blue)}
.dots .most{fill:var(--orange)}
.cut line,.missing line{stroke:var(--orange);stroke-width:1.5}
.lanes .cut text,.lanes .missing text{fill:var(--orange);font-weight:600}`;

const printing = `
@media print{
:root,:root[data-theme]{color-scheme:light;${declare((name) => lightPalette[name])}}
nav,.tools,button{display:none}
body{font-size:11px}
details::details-content{content-visibility:visible;height:auto}
figure,.failure,tr{break-inside:avoid}}`;
