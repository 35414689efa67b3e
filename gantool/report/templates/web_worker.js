'use strict';
// What computes, beside the page, so that the page stays alive. `ort` stands in front of it.

const files = {}; // networks, unpacked
let session, opened; // one at a time: memory is scarce

async function unpacked(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function begin({module, wasm}) {
  ort.env.logLevel = 'error';
  ort.env.wasm.numThreads = 1; // more share memory, which pages from disk may not
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = {mjs: URL.createObjectURL(new Blob([module], {type: 'text/javascript'}))};
  ort.env.wasm.wasmBinary = await unpacked(wasm);
}

async function open(file) {
  if (opened === file) return session;
  await session?.release();
  opened = undefined;
  // Sizes change from picture to picture: what is kept from the last one is of no use.
  const settings = {executionProviders: ['wasm'], enableCpuMemArena: false, enableMemPattern: false};
  session = await ort.InferenceSession.create(files[file], settings);
  opened = file;
  return session;
}

async function run(file, feeds) {
  const session = await open(file), name = session.outputNames[0];
  return (await session.run(feeds, [name]))[name];
}

const floats = values => new ort.Tensor('float32', Float32Array.from(values), [1, values.length]);

// What a network sees of a picture (RGBA): transparency on white, grey as ITU-R 601 luma, as `gantool translate` does.
function seen({rgba, width, height}, channels) {
  const count = width * height, levels = new Uint8Array(count * channels), alpha = new Uint8Array(count);
  let clear = false;
  for (let i = 0; i < count; i++) {
    const a = rgba[4 * i + 3];
    alpha[i] = a;
    if (a < 255) clear = true;
    const [r, g, b] = [0, 1, 2].map(k => a === 255 ? rgba[4 * i + k]
      : Math.floor((rgba[4 * i + k] * a + 255 * (255 - a) + 127) / 255));
    if (channels === 1) levels[i] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    else { levels[3 * i] = r; levels[3 * i + 1] = g; levels[3 * i + 2] = b; }
  }
  return {levels, alpha: clear ? alpha : null};
}

// The place of a pixel beyond the edge: mirrored, as often as needed.
function mirrored(i, side) {
  if (side === 1) return 0;
  const place = i % (2 * side - 2);
  return place < side ? place : 2 * side - 2 - place;
}

function padded(levels, width, height, channels, wide, high) {
  if (wide === width && high === height) return levels;
  const made = new Uint8Array(wide * high * channels);
  for (let y = 0; y < high; y++) {
    const from = mirrored(y, height) * width, to = y * wide;
    for (let x = 0; x < wide; x++)
      for (let c = 0; c < channels; c++) made[(to + x) * channels + c] = levels[(from + mirrored(x, width)) * channels + c];
  }
  return made;
}

function cut(levels, wide, width, height, channels) {
  const made = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++)
    made.set(levels.subarray(y * wide * channels, (y * wide + width) * channels), y * width * channels);
  return made;
}

const table = Uint32Array.from({length: 256}, (_, i) => {
  for (let k = 0; k < 8; k++) i = i & 1 ? 0xedb88320 ^ i >>> 1 : i >>> 1;
  return i;
});

function chunk(name, data) {
  const bytes = new Uint8Array(12 + data.length), view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set([...name].map(letter => letter.charCodeAt(0)), 4);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < 8 + data.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ crc >>> 8;
  view.setUint32(8 + data.length, ~crc);
  return bytes;
}

// A PNG by ourselves: a canvas changes the colours of what is half transparent. Rows are filtered by "Up".
async function png(levels, alpha, width, height, channels) {
  const depth = channels + (alpha ? 1 : 0), stride = width * depth, rows = new Uint8Array(height * (stride + 1));
  let above = new Uint8Array(stride), row = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) row[x * depth + c] = levels[(y * width + x) * channels + c];
      if (alpha) row[x * depth + channels] = alpha[y * width + x];
    }
    const at = y * (stride + 1);
    rows[at] = 2;
    for (let i = 0; i < stride; i++) rows[at + 1 + i] = row[i] - above[i];
    [above, row] = [row, above];
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream('deflate'));
  const data = new Uint8Array(await new Response(stream).arrayBuffer());
  const head = new Uint8Array(13), view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, (channels === 3 ? 2 : 0) + (alpha ? 4 : 0)], 8);
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  return new Blob([signature, chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', new Uint8Array(0))],
    {type: 'image/png'});
}

async function translate({network, picture, second}) {
  const {channels, sizes, file} = network, {width, height} = picture;
  const up = side => Math.ceil(Math.max(side, sizes.minimum) / sizes.multiple) * sizes.multiple;
  const [wide, high] = sizes.exact ? [width, height] : [up(width), up(height)];
  const {levels, alpha} = seen(picture, channels);
  const image = new ort.Tensor('uint8', padded(levels, width, height, channels, wide, high), [1, high, wide, channels]);
  const made = await run(file, second ? {image, [network.second]: floats(second)} : {image});
  const out = made.dims[3];
  return png(cut(made.data, wide, width, height, out), alpha, width, height, out);
}

async function encode({encoder, picture}) {
  const {width, height} = picture, [wide, high] = [width, height].map(side => Math.max(side, encoder.minimum));
  const {levels} = seen(picture, encoder.channels);
  const pixels = padded(levels, width, height, encoder.channels, wide, high);
  const styles = await run(encoder.file, {image: new ort.Tensor('uint8', pixels, [1, high, wide, encoder.channels])});
  const size = styles.dims[2];
  return Array.from({length: styles.dims[1]}, (_, i) => [...styles.data.subarray(i * size, (i + 1) * size)]);
}

// Numbers as numpy's RandomState(seed).standard_normal gives them: the Mersenne twister, MT19937 (Matsumoto and
// Nishimura 1998), and the polar method (Marsaglia and Bray 1964).
function normal(seed, count) {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ state[i - 1] >>> 30) + i;
  let place = 624;
  function bits() {
    if (place === 624) {
      for (let i = 0; i < 624; i++) {
        const y = state[i] & 0x80000000 | state[(i + 1) % 624] & 0x7fffffff;
        state[i] = state[(i + 397) % 624] ^ y >>> 1 ^ (y & 1 ? 0x9908b0df : 0);
      }
      place = 0;
    }
    let y = state[place++];
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return (y ^ y >>> 18) >>> 0;
  }
  const uniform = () => { const a = bits() >>> 5, b = bits() >>> 6; return (a * 67108864 + b) / 9007199254740992; };
  const numbers = [];
  while (numbers.length < count) {
    let x, y, r;
    do {
      x = 2 * uniform() - 1;
      y = 2 * uniform() - 1;
      r = x * x + y * y;
    } while (r >= 1 || r === 0);
    const f = Math.sqrt(-2 * Math.log(r) / r);
    numbers.push(f * y, f * x);
  }
  return numbers.slice(0, count);
}

async function sample({seed, latent, label}) {
  const feeds = {latent: floats(normal(seed, latent))};
  if (label.length) feeds.label = floats(label);
  const made = await run(0, feeds), [, height, width, channels] = made.dims;
  return {blob: await png(made.data, null, width, height, channels), width, height};
}

const tasks = {begin, translate, encode, sample, add: async ({file, text}) => { files[file] = await unpacked(text); }};

onmessage = async ({data}) => {
  try {
    postMessage({done: await tasks[data.task](data)});
  } catch (error) {
    postMessage({failed: String(error?.message || error)});
  }
};
