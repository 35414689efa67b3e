const lines = [...document.querySelectorAll('.line')], zoom = document.querySelector('.zoom');
const stage = zoom.querySelector('.stage'), wiping = zoom.querySelector('.wiping');
const range = wiping.querySelector('input'), sides = [...wiping.querySelectorAll('select')];
const word = zoom.querySelector('output'), title = zoom.querySelector('h2');
// The row that is shown, the part of its pictures in the middle (0 to 1), and pixels of the screen for each of theirs.
let line = 0, across = .5, down = .5, scale = 1, wipes = false;

const images = () => [...lines[line].querySelectorAll('img')];
const captions = () => [...lines[line].querySelectorAll('figcaption')].map(one => one.textContent);
// Pictures of other sizes are shown as large as the first one, in its own pixels.
const reference = () => ({width: images()[0].naturalWidth, height: images()[0].naturalHeight});
const clamped = (value, low, high) => Math.min(high, Math.max(low, value));

function picture(source) {
  const copy = source.cloneNode();
  copy.className = '';
  return copy;
}

function pane(sources, caption, label) {
  const figure = document.createElement('figure'), frame = document.createElement('div');
  frame.className = 'pane';
  for (const source of sources) {
    const layer = document.createElement('div');
    layer.append(picture(source));
    frame.append(layer);
  }
  figure.append(frame);
  if (caption) {
    const words = document.createElement('figcaption');
    words.textContent = caption;
    figure.append(words);
  }
  if (label) figure.setAttribute('aria-label', label);
  return figure;
}

function build() {
  const all = images(), names = captions();
  title.textContent = lines[line].querySelector('h3').textContent;
  wiping.hidden = !wipes;
  for (const name of ['side', 'wipe']) {
    zoom.querySelector(`[data-do=${name}]`).setAttribute('aria-pressed', (name === 'wipe') === wipes);
  }
  if (wipes) {
    const [left, right] = sides.map(side => Number(side.value));
    stage.replaceChildren(pane([all[left], all[right]], '', `${names[left]} and ${names[right]}`));
    stage.querySelector('.pane').append(document.createElement('i'));
  } else {
    stage.replaceChildren(...all.map((one, place) => pane([one], names[place], '')));
  }
  arrange();
}

// As many columns as let the pictures be largest.
function arrange() {
  const count = stage.children.length, {width, height} = reference();
  const free = {width: stage.clientWidth, height: stage.clientHeight};
  let best = 1, most = 0;
  for (let columns = 1; columns <= count; columns++) {
    const size = Math.min(free.width / columns / width, free.height / Math.ceil(count / columns) / height);
    if (size > most) [best, most] = [columns, size];
  }
  stage.style.gridTemplateColumns = `repeat(${best}, minmax(0, 1fr))`;
  stage.style.gridAutoRows = 'minmax(0, 1fr)';
}

function draw() {
  const {width, height} = reference();
  for (const frame of stage.querySelectorAll('.pane')) {
    for (const one of frame.querySelectorAll('img')) {
      one.style.width = `${width * scale}px`;
      one.style.height = `${height * scale}px`;
      one.style.left = `${Math.round(frame.clientWidth / 2 - across * width * scale)}px`;
      one.style.top = `${Math.round(frame.clientHeight / 2 - down * height * scale)}px`;
    }
    const [, upper] = frame.querySelectorAll('div'), edge = frame.querySelector('i');
    if (edge) {
      upper.style.clipPath = `inset(0 0 0 ${range.value}%)`;
      edge.style.left = `${range.value}%`;
    }
  }
  word.textContent = `${Math.round(scale * 100)} %`;
}

// The whole picture, its pixels as whole pixels of the screen where it is small.
function fit() {
  const frame = stage.querySelector('.pane'), {width, height} = reference();
  const most = Math.min(frame.clientWidth / width, frame.clientHeight / height);
  [across, down, scale] = [.5, .5, most > 3 ? Math.floor(most) : most];
  draw();
}

function larger(factor) {
  const before = scale;
  scale = clamped(scale * factor, .1, 32);
  if (before >= 1 && scale >= 1) scale = factor > 1 ? Math.ceil(scale - .01) : Math.floor(scale + .01);
  draw();
}

function move(x, y) {
  const {width, height} = reference();
  across = clamped(across - x / (width * scale), 0, 1);
  down = clamped(down - y / (height * scale), 0, 1);
  draw();
}

function show(number) {
  line = (number + lines.length) % lines.length;
  build();
  fit();
}

// One picture of a row beside the first, which is the input where there is one.
function open(number, chosen) {
  line = number;
  const names = captions(), pair = [0, chosen || Math.min(1, names.length - 1)];
  sides.forEach((side, place) => {
    side.replaceChildren(...names.map((name, value) => new Option(name, value)));
    side.selectedIndex = pair[place];
  });
  zoom.showModal();
  show(number);
}

function wipe(on) {
  wipes = on;
  build();
  fit();
}

const actions = {
  close: () => zoom.close(), side: () => wipe(false), wipe: () => wipe(true), in: () => larger(1.5), out: () => larger(1 / 1.5),
  fit, before: () => show(line - 1), next: () => show(line + 1),
};
const keys = {'+': 'in', '=': 'in', '-': 'out', 0: 'fit', n: 'next', p: 'before'};
const steps = {ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40]};

zoom.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (button) actions[button.dataset.do]();
});
zoom.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === 'w') wipe(!wipes);
  else if (keys[key]) actions[keys[key]]();
  else if (steps[key] && !event.target.matches('input, select')) move(...steps[key]);
  else return;
  event.preventDefault();
});
range.addEventListener('input', draw);
sides.forEach(side => side.addEventListener('change', () => { build(); draw(); }));
addEventListener('resize', () => { if (zoom.open) { arrange(); draw(); } });

stage.addEventListener('wheel', event => {
  event.preventDefault();
  larger(event.deltaY < 0 ? 1.25 : .8);
}, {passive: false});
const fingers = new Map();
stage.addEventListener('pointerdown', event => {
  stage.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, event);
});
stage.addEventListener('pointermove', event => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers.values()].find(one => one.pointerId !== event.pointerId);
  fingers.set(event.pointerId, event);
  if (!other) move(event.clientX - before.clientX, event.clientY - before.clientY);
  else {
    const apart = one => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    scale = clamped(scale * apart(event) / Math.max(1, apart(before)), .1, 32);
    draw();
  }
});
for (const end of ['pointerup', 'pointercancel']) stage.addEventListener(end, event => fingers.delete(event.pointerId));

document.querySelector('.how').hidden = false;
lines.forEach((one, number) => one.querySelectorAll('.cells button').forEach((button, chosen) => {
  button.disabled = false;
  button.setAttribute('aria-label', `${button.firstElementChild.alt}: compare`);
  button.addEventListener('click', () => open(number, chosen));
}));
