const shown = document.querySelector('.viewer'), list = document.querySelector('.samples');
if (list) {
  const steps = [...list.querySelectorAll('section')].reverse();
  const slider = shown.querySelector('input'), place = shown.querySelector('div'), word = shown.querySelector('output');
  const show = () => {
    const step = steps[slider.value];
    word.textContent = step.querySelector('h3').textContent;
    place.replaceChildren(...[...step.querySelectorAll('figure')].map(figure => figure.cloneNode(true)));
  };
  slider.max = steps.length - 1;
  slider.value = slider.max;
  slider.addEventListener('input', show);
  show();
  shown.hidden = false;
  list.open = false;
}
