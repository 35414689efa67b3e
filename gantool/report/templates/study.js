'use strict';
const part = id => document.getElementById(id);
const study = JSON.parse(part('study').textContent);
const RIGHT = ['real', 'whole']; // sides that are the answer, where there is one
const place = 'gantool-study-' + study.id;
const choices = part('choices');

// What a person has answered so far, kept twice: with the tab, for a reload, and by the browser, for a page that was
// closed, which it may refuse.
const read = () => { try { return JSON.parse(localStorage.getItem(place)); } catch { return null; } };
const kept = () => [history.state, read()].find(found => found?.study === study.id);
function keep() {
  try { history.replaceState(person, ''); } catch { /* too often within a second: the next answer takes this one along */ }
  try { localStorage.setItem(place, JSON.stringify(person)); return true; } catch { return false; }
}
const now = () => new Date().toISOString();
const fresh = () => ({
  study: study.id,
  person: [...crypto.getRandomValues(new Uint8Array(6))].map(byte => byte.toString(16).padStart(2, '0')).join(''),
  began: null, ended: null, trials: [],
  seen: null, // the number of the trial whose pictures appeared last, where they vanish
});

// Numbers in [0, 1) that follow from a text: its FNV-1a hash is the state of a 32-bit mixer (mulberry32).
function seeded(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 4294967296;
  };
}

function shuffled(list, random) {
  const found = [...list];
  for (let i = found.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}

// So many items that no name comes a second time before all have come, and methods come equally often.
function evenly(items, count, random) {
  const uses = {}, rest = shuffled(items, random), taken = [];
  const keys = item => ['name ' + item.name, item.sides.map(side => side[0]).join()];
  const weight = item => { const [name, sides] = keys(item).map(key => uses[key] || 0); return name * 1e6 + sides; };
  while (taken.length < count && rest.length) {
    let best = 0;
    rest.forEach((item, i) => { if (weight(item) < weight(rest[best])) best = i; });
    const [item] = rest.splice(best, 1);
    for (const key of keys(item)) uses[key] = (uses[key] || 0) + 1;
    taken.push(item);
  }
  return taken;
}

// The trials of a person. No name of the practice comes again, and attention checks are scattered among the scored.
function drawn(id) {
  const random = seeded(study.seed + ' ' + id);
  const known = [], rest = [];
  for (const name of shuffled(new Set(study.items.map(item => item.name)), random))
    (known.length < study.practice ? known : rest).push(...study.items.filter(item => item.name === name));
  const named = (items, name) => items.map(item => ({...item, part: name}));
  const practice = named(shuffled(known, random).slice(0, study.practice), 'practice');
  const scored = named(shuffled(evenly(rest, study.scored, random), random), 'scored');
  const checks = named(shuffled(study.checks, random), 'check');
  checks.forEach((check, i) => scored.splice(Math.floor((i + random()) * study.scored / checks.length) + i, 0, check));
  return [...practice, ...scored].map(trial => ({...trial, sides: shuffled(trial.sides, random)}));
}

let person, trials, open = false, shownAt = 0, timer;

function image(number, alt) {
  const [kind, data, width, height] = study.pictures[number];
  const img = new Image(width, height);
  img.alt = alt;
  img.src = `data:image/${kind};base64,${data}`;
  return img;
}

// All pictures of a row have one size: that of the largest, and small ones are enlarged, up to three times.
function fit(row, numbers) {
  const wide = Math.max(...numbers.map(number => study.pictures[number][2]));
  const high = Math.max(...numbers.map(number => study.pictures[number][3]));
  row.style.setProperty('--width', wide * Math.max(1, Math.min(3, Math.floor(640 / wide))) + 'px');
  row.style.setProperty('--shape', `${wide} / ${high}`);
  const many = numbers.length;
  row.style.setProperty('--across', many > 4 ? Math.ceil(many / 2) : many);
  row.style.setProperty('--narrow', many > 4 ? 3 : many > 3 ? 2 : many);
}

function only(id) {
  for (const other of ['begin', 'trial', 'end']) part(other).hidden = other !== id;
}

async function show() {
  const trial = trials[person.trials.length], ready = [];
  if (!trial) return finish();
  only('trial');
  part('next').hidden = true;
  part('told').textContent = '';
  const practising = trial.part === 'practice';
  const [done, all] = practising ? [person.trials.length, study.practice]
    : [person.trials.length - study.practice, trials.length - study.practice];
  part('count').textContent = `${practising ? 'Practice ' : ''}${done + 1} of ${all}`;
  part('far').max = trials.length;
  part('far').value = person.trials.length;
  part('above').hidden = !trial.above.length;
  if (trial.above.length) fit(part('above'), trial.above.map(one => one[1]));
  part('above').replaceChildren(...trial.above.map(([caption, number]) => {
    const figure = document.createElement('figure'), words = document.createElement('figcaption');
    words.textContent = caption;
    figure.append(words, image(number, caption));
    return figure;
  }));
  fit(choices, trial.sides.map(side => side[1]));
  choices.className = 'waiting';
  choices.replaceChildren(...trial.sides.map((side, i) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'choice';
    button.setAttribute('aria-label', `Picture ${i + 1} of ${trial.sides.length}`);
    button.append(image(side[1], ''), String(i + 1));
    // The second half of a double click would answer the next trial.
    button.addEventListener('click', event => { if (event.detail < 2) choose(i); });
    return button;
  }));
  choices.focus({preventScroll: true});
  // All at once, so that none is seen longer than the others.
  await Promise.all([...part('trial').querySelectorAll('img')].map(img => img.decode().catch(() => {})));
  shownAt = performance.now();
  open = true;
  if (study.milliseconds && person.seen === person.trials.length) return vanish(); // a reload gives no second look
  choices.className = '';
  if (!study.milliseconds) return;
  person.seen = person.trials.length;
  keep();
  timer = setTimeout(vanish, study.milliseconds);
}

function vanish() {
  choices.className = 'gone';
  part('told').textContent = 'The pictures are gone. Choose the one you mean.';
}

function choose(chosen) {
  if (!open) return;
  open = false;
  clearTimeout(timer);
  const trial = trials[person.trials.length];
  const ms = Math.round(performance.now() - shownAt);
  const shown = trial.sides.map(side => side[0]), pictures = trial.sides.map(side => side[2]);
  person.trials.push({part: trial.part, shown, pictures, chosen, ms});
  keep();
  const right = shown.findIndex(side => RIGHT.includes(side));
  if (trial.part !== 'practice' || right < 0) return show();
  choices.className = '';
  choices.children[right].classList.add('right');
  if (chosen !== right) choices.children[chosen].classList.add('wrong');
  part('told').textContent = chosen === right ? `Yes, picture ${right + 1} is real.` : `No, picture ${right + 1} is real.`;
  part('next').hidden = false;
  part('next').focus();
}

function finish() {
  if (!person.ended) { person.ended = now(); keep(); }
  const {began, ended} = person;
  const answers = {
    format: 'gantool study answers', version: 1, study: study.id, person: person.person, began, ended,
    key: study.key, trials: person.trials,
  };
  const text = JSON.stringify(answers);
  part('text').value = text;
  part('save').href = URL.createObjectURL(new Blob([text + '\n'], {type: 'application/json'}));
  part('save').download = `answers-${person.person}.json`;
  part('again').disabled = true;
  part('done').textContent = '';
  only('end');
  part('save').focus();
}

function taken(words) {
  part('done').textContent = words;
  part('again').disabled = false;
}

function begin() {
  const scored = trials.length - study.practice;
  part('plan').textContent = (study.practice ? `First ${study.practice} to practise, then ` : '')
    + `${scored} ${scored === 1 ? 'question' : 'questions'}.`
    + (study.milliseconds ? ` The pictures vanish after ${study.milliseconds / 1000} s.` : '');
  part('keeps').hidden = keep();
  only('begin');
  part('start').focus();
}

function enter(found) {
  person = found;
  trials = drawn(person.person);
  if (person.began) show(); else begin();
}

part('start').addEventListener('click', () => { person.began = now(); keep(); show(); });
part('next').addEventListener('click', show);
part('save').addEventListener('click', () => taken('Saved.'));
part('copy').addEventListener('click', () => {
  part('text').select();
  if (document.execCommand('copy')) taken('Copied.');
  else part('done').textContent = 'The text is selected: copy it by hand.';
});
part('again').addEventListener('click', () => enter(fresh()));
document.addEventListener('keydown', event => {
  if (part('trial').hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  const buttons = [...choices.children], at = buttons.indexOf(document.activeElement), last = buttons.length - 1;
  if (event.repeat) { if (event.key === 'Enter') event.preventDefault(); } // a key that is held answers once
  else if (/^[1-9]$/.test(event.key)) buttons[event.key - 1]?.click();
  else if (event.key === 'ArrowLeft') buttons[at < 0 ? 0 : Math.max(0, at - 1)]?.focus();
  else if (event.key === 'ArrowRight') buttons[at < 0 ? last : Math.min(last, at + 1)]?.focus();
});

enter(kept() || fresh());
