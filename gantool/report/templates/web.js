'use strict';
const part = id => document.getElementById(id);
const page = JSON.parse(part('page').textContent);
const translates = page.networks.length > 0;
const pictures = []; // {file, url, width, height, result}; a result is {key, url} or {key, failed}
const settings = part('settings');
let shown = null, running = null, pattern = null, worker = null, drop = null, began = 0;

class Failure extends Error {}

// The worker: one task at a time, in the order in which they are asked for.

function started() {
  const code = new Blob([part('ort').textContent, '\n', part('worker').textContent], {type: 'text/javascript'});
  const made = new Worker(URL.createObjectURL(code));
  made.has = new Set();
  return made;
}

function ask(task, transfer = []) {
  return new Promise((done, failed) => {
    drop = failed;
    worker.onmessage = ({data}) => 'failed' in data ? failed(new Failure(data.failed)) : done(data.done);
    worker.onerror = event => failed(new Failure(event.message || 'the part that computes could not start'));
    worker.postMessage(task, transfer);
  });
}

async function ready(file) {
  if (!worker) {
    say('Loading the network ...');
    worker = started();
    await ask({task: 'begin', module: part('ort-module').textContent, wasm: part('ort-wasm').textContent});
  }
  if (!worker.has.has(file)) {
    say('Loading the network ...');
    await ask({task: 'add', file, text: part('network-' + file).textContent});
    worker.has.add(file);
  }
}

function end() {
  worker?.terminate();
  worker = null;
}

// Pictures

async function pixels(file, longest, exact) {
  let bitmap;
  try { bitmap = await createImageBitmap(file); } catch {
    throw new Failure(`${file.name} is no picture that this browser can read.`);
  }
  const factor = longest ? Math.min(1, longest / Math.max(bitmap.width, bitmap.height)) : 1;
  const [width, height] = exact ? [exact, exact] : [bitmap.width, bitmap.height].map(side => Math.max(1, Math.round(side * factor)));
  if (width !== bitmap.width || height !== bitmap.height)
    bitmap = await createImageBitmap(bitmap, {resizeWidth: width, resizeHeight: height, resizeQuality: 'high'});
  // In strips: a browser's canvas may be smaller than the picture.
  const rows = Math.max(1, Math.min(height, Math.floor(4e6 / width)));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, rows];
  const context = canvas.getContext('2d', {willReadFrequently: true}), rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y += rows) {
    const count = Math.min(rows, height - y);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -y);
    rgba.set(context.getImageData(0, 0, width, count).data, y * width * 4);
  }
  bitmap.close();
  return {rgba, width, height};
}

function add(files) {
  const found = [...files].map(file => ({file, url: URL.createObjectURL(file), result: null}));
  if (!found.length) return;
  pictures.push(...found);
  shown = found[0];
  for (const one of found) part('strip').append(thumbnail(one));
  show();
  work();
}

function thumbnail(one) {
  const button = document.createElement('button'), img = new Image();
  button.type = 'button';
  img.src = one.url;
  img.alt = one.file.name;
  img.onload = () => { [one.width, one.height] = [img.naturalWidth, img.naturalHeight]; if (one === shown) show(); };
  button.append(img);
  button.addEventListener('click', () => { shown = one; show(); work(); });
  one.button = button;
  return button;
}

// What is asked for

const value = id => part(id)?.value;
const number = id => part(id).validity.valid ? Number(part(id).value) : null;

function way() {
  const [network, target] = (value('way') || '0 0').split(' ').map(Number);
  return {network: page.networks[network], target, told: page.networks[network].targets[target]};
}

const attributes = () => [...settings.querySelectorAll('#attributes input:checked')].map(box => Number(box.value));

// The settings as a text, to which a result belongs; null while they are not complete.
function key() {
  if (!translates) return number('seed') === null ? null : JSON.stringify([number('seed'), value('class')]);
  const kind = value('style');
  if (kind === 'drawn' && number('seed') === null || kind === 'picture' && !pattern) return null;
  const style = kind === 'drawn' ? number('seed') : kind === 'picture' ? pattern.url : kind;
  return JSON.stringify([value('way'), attributes(), kind, style, value('size')]);
}

async function second({network, target, told}) {
  if (network.second === 'label') {
    if (!page.attributes) return told.label;
    const {none, added} = page.attributes;
    return none.map((base, i) => attributes().reduce((sum, on) => sum + added[on][i], base));
  }
  if (network.second !== 'style') return null;
  if (value('style') === 'drawn') return told.codes[number('seed')];
  if (value('style') === 'mean') return told.mean;
  const {encoder} = network;
  pattern.styles ||= {};
  if (!pattern.styles[encoder.file]) {
    const of = pattern; // another may be chosen meanwhile
    const picture = await pixels(of.file);
    await ready(encoder.file);
    say('Looking at the style ...');
    of.styles[encoder.file] = await ask({task: 'encode', encoder, picture}, [picture.rgba.buffer]);
    return of.styles[encoder.file][target];
  }
  return pattern.styles[encoder.file][target];
}

// Results

const next = () => key() === null ? null : translates ? [shown, ...pictures].find(one => one && one.result?.key !== key())
  : pictures[0].result?.key !== key() ? pictures[0] : null;

async function work() {
  if (running) return;
  for (let one; (one = next());) {
    running = one;
    began = performance.now();
    const asked = key();
    let result;
    try {
      result = translates ? await translated(one) : await sampled(one);
    } catch (error) {
      end(); // its memory may be spoilt, and is given back
      result = {failed: words(error, one)};
    }
    if (one.result?.url) URL.revokeObjectURL(one.result.url);
    one.result = {...result, key: asked, seconds: (performance.now() - began) / 1000};
    running = null;
    show();
  }
  show();
}

async function translated(one) {
  const chosen = way(), {network} = chosen;
  const size = Number(value('size') || 0);
  const told = await second(chosen);
  await ready(network.file);
  const picture = await pixels(one.file, size, network.sizes.exact), {width, height} = picture;
  Object.assign(one, {asked: `${width} x ${height}`});
  say(`Translating ${one.file.name}, ${width} x ${height} ...`);
  const blob = await ask({task: 'translate', network, picture, second: told}, [picture.rgba.buffer]);
  const name = `${one.file.name.replace(/\.[^.]*$/, '')}_${page.attributes ? 'translated' : chosen.told.target}.png`;
  return {url: URL.createObjectURL(blob), name, width, height};
}

async function sampled() {
  const seed = number('seed'), label = page.classes.map((_, i) => Number(i === Number(value('class'))));
  await ready(0);
  say(`Making the picture of seed ${seed} ...`);
  const {blob, width, height} = await ask({task: 'sample', seed, latent: page.latent, label});
  return {url: URL.createObjectURL(blob), name: `seed${String(seed).padStart(4, '0')}.png`, width, height};
}

const MEMORY = /alloc|memory|out of bounds|abort|overflow|array length|offset is/i;

function words(error, one) {
  const said = String(error?.message || error);
  if (said === 'stopped') return 'Stopped.';
  if (MEMORY.test(said) || /^\d+$/.test(said))
    return `The memory that a browser has does not suffice for ${one.asked || 'this picture'}.`
      + (part('size') ? ' Choose a smaller longest side.' : '');
  return error instanceof Failure ? said : `That failed: ${said}`;
}

// What is seen

function say(text, warn = false) {
  part('status').dataset.text = text;
  part('status').textContent = text;
  part('status').classList.toggle('warn', warn);
}

function show() {
  const one = translates ? shown : pictures[0], result = one?.result, made = result?.url;
  part('actions').hidden = !one;
  if (translates) {
    part('empty').hidden = pictures.length > 0 || !part('filming').hidden;
    part('strip').hidden = pictures.length < 2;
    for (const {button, ...other} of pictures) {
      button.setAttribute('aria-pressed', String(button === one.button));
      button.classList.toggle('failed', Boolean(other.result?.failed));
    }
  }
  const current = made && result.key === key();
  const [width, height] = made ? [result.width, result.height] : [one?.width, one?.height];
  part('view').hidden = !width;
  part('pair').classList.toggle('both', Boolean(made) && translates);
  if (width) {
    const zoom = Math.max(1, Math.min(translates ? 3 : 8, Math.floor(640 / width)));
    for (const [name, number] of [['w', width], ['h', height], ['zoom', zoom]]) part('pair').style.setProperty('--' + name, number);
    for (const img of part('pair').querySelectorAll('img')) img.classList.toggle('small', zoom > 1);
    const after = part('after');
    after.hidden = !made;
    if (made && after.src !== made) after.src = made;
    after.alt = made ? 'The result' : '';
    if (translates) {
      const before = part('before');
      if (before.src !== one.url) before.src = one.url;
      before.alt = `The picture before: ${one.file.name}`;
    }
    part('caption').textContent = (translates ? one.file.name + ', ' : '') + `${width} x ${height}`;
  }
  part('save').hidden = !current;
  if (current) [part('save').href, part('save').download] = [made, result.name];
  part('stop').hidden = part('busy').hidden = !running;
  part('retry').hidden = Boolean(running) || !result?.failed || result.key !== key();
  if (running) return;
  if (key() === null) say(one ? part('like') && value('style') === 'picture' ? 'Choose the picture whose style is taken.'
    : 'That number is none that can be taken.' : '');
  else if (result?.failed) say(result.failed, true);
  else if (current) say(`Done in ${result.seconds.toFixed(1)} s.`);
  else say('');
}

setInterval(() => {
  const seconds = Math.round((performance.now() - began) / 1000), status = part('status');
  if (running && seconds > 1) status.textContent = `${status.dataset.text} ${seconds} s`;
}, 1000);

function stop() {
  end();
  drop?.(new Failure('stopped'));
}

// Hands

function changed() {
  if (part('drawn')) part('drawn').hidden = value('style') !== 'drawn';
  if (part('like')) part('like').hidden = value('style') !== 'picture';
  show();
  work();
}

function another() {
  const most = translates ? page.seeds : 10000, old = number('seed');
  let drawn;
  do drawn = Math.floor(Math.random() * most); while (drawn === old);
  part('seed').value = drawn;
  changed();
}

settings.addEventListener('input', changed);
settings.addEventListener('submit', event => { event.preventDefault(); changed(); });
part('another')?.addEventListener('click', another);
part('stop').addEventListener('click', stop);
part('retry').addEventListener('click', () => { (translates ? shown : pictures[0]).result = null; work(); });

if (translates) {
  const choosing = (input, taken) => input.addEventListener('change', () => { taken(input.files); input.value = ''; });
  choosing(part('files'), add);
  for (const button of document.querySelectorAll('.choose')) button.addEventListener('click', () => part('files').click());
  part('slider').addEventListener('input', () => part('pair').style.setProperty('--at', value('slider') + '%'));
  part('pair').style.setProperty('--at', '50%');
  if (part('like')) {
    part('pick').addEventListener('click', () => part('pattern').click());
    choosing(part('pattern'), ([file]) => {
      if (!file) return;
      pattern = {file, url: URL.createObjectURL(file)};
      part('model').src = pattern.url;
      part('model').hidden = false;
      part('pick').textContent = 'Choose another';
      changed();
    });
  }
  document.addEventListener('paste', event => add(event.clipboardData?.files || []));
  document.addEventListener('dragover', event => { event.preventDefault(); document.body.classList.add('over'); });
  document.addEventListener('dragleave', event => { if (!event.relatedTarget) document.body.classList.remove('over'); });
  document.addEventListener('drop', event => {
    event.preventDefault();
    document.body.classList.remove('over');
    add(event.dataTransfer.files);
  });

  const film = part('film');
  let count = 0;
  const close = () => {
    film.srcObject?.getTracks().forEach(track => track.stop());
    film.srcObject = null;
    part('filming').hidden = true;
    show();
  };
  for (const button of document.querySelectorAll('.camera')) {
    button.hidden = !navigator.mediaDevices?.getUserMedia;
    button.addEventListener('click', async () => {
      try {
        film.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment', width: {ideal: 1280}}});
      } catch (error) {
        return say(`The camera cannot be used: ${error.message || error.name}.`, true);
      }
      part('filming').hidden = false;
      show();
      await film.play();
      part('take').focus();
    });
  }
  part('leave').addEventListener('click', close);
  part('take').addEventListener('click', () => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [film.videoWidth, film.videoHeight];
    canvas.getContext('2d').drawImage(film, 0, 0);
    close();
    canvas.toBlob(blob => add([new File([blob], `camera ${++count}.png`, {type: 'image/png'})]), 'image/png');
  });
} else {
  pictures.push({file: null, result: null});
}

document.querySelector('main').hidden = false;
changed();
