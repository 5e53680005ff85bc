"use strict";
(() => {
  const source = document.getElementById("budget-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const [LATENCY, RATING, PARAMETERS, MACS, BLOCKS] = [0, 1, 2, 3, 4];
  const points = data.points;
  const slider = document.getElementById("budget-slider");
  const number = document.getElementById("budget-number");
  const pictures = [...document.querySelectorAll(".explorer svg")];
  let shown = -1;

  const time = (seconds) => `${(seconds / data.seconds).toFixed(data.decimals)} ${data.unit}`;
  const bare = (value) => value.toFixed(data.ratingDecimals).replace("-", "−");
  const rating = (value) => bare(value) + data.merit.unit;
  const gained = (from, to) => bare(Math.abs(points[from][RATING] - points[to][RATING])) + data.merit.gain;
  const reach = (index) => data.reaches ? ` ± ${bare(data.reaches[index])}` : "";
  const words = (blocks) => blocks.map((choice, block) => data.choices[block][choice]);
  const blocksOf = (index) => points[index].slice(BLOCKS);

  // The best network within a budget. What was typed is rounded as what is shown, hence the half of a last digit.
  const within = (seconds) => {
    const slack = 0.5 * data.seconds * 10 ** -data.decimals;
    let index = 0;
    while (index + 1 < points.length && points[index + 1][LATENCY] <= seconds + slack) index += 1;
    return index;
  };

  const edges = (picture, name) => picture.dataset[name].split(" ").map(Number);
  const place = (picture, name, value) => {
    const [from, to, low, high] = edges(picture, name);
    return from + ((value - low) / (high - low)) * (to - from);
  };

  const text = (tag, content, className = "") => {
    const element = document.createElement(tag);
    element.textContent = content;
    if (className) element.className = className;
    return element;
  };

  const price = (from, to) => [time(points[to][LATENCY] - points[from][LATENCY]), gained(from, to)];

  const listed = (names) => names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

  const describeFlips = (index) => {
    if (index === 0) return "This is the fastest network of the front.";
    const [cost, gain] = price(index - 1, index);
    const [before, now] = [blocksOf(index - 1), blocksOf(index)];
    const flips = now.flatMap((choice, block) => choice === before[block] ? [] : [`block ${block + 1}`]);
    return `It takes ${cost} more than the next faster network and rates ${gain} better; ${listed(flips)} ${flips.length > 1 ? "flip" : "flips"}.`;
  };

  const describeNext = (index) => {
    if (index + 1 === points.length) return "No network of the space rates better.";
    const [cost, gain] = price(index, index + 1);
    return `${cost} more would buy the next better network, which rates ${gain} better.`;
  };

  const cell = (value, other, mark) => {
    if (other === null) return text("td", "–", "same");
    return value === other ? text("td", "the same", "same") : text("td", `◆ ${other}`, mark);
  };

  const showTiles = (index, budget) => {
    const values = [["budget", time(budget)], [data.latency, time(points[index][LATENCY])], [data.merit.name, bare(points[index][RATING]) + reach(index) + data.merit.unit],
      ["parameters", points[index][PARAMETERS]], ["MACs", points[index][MACS]],
      ["network", `${index + 1} of ${points.length}`]];
    document.getElementById("budget-tiles").replaceChildren(...values.map(([name, value]) => {
      const tile = document.createElement("div");
      tile.append(text("dt", name), text("dd", value));
      return tile;
    }));
  };

  const showBlocks = (index) => {
    const now = words(blocksOf(index));
    const before = index > 0 ? words(blocksOf(index - 1)) : null;
    const answer = data.answer ? words(data.answer) : null;
    document.querySelector("#budget-blocks tbody").replaceChildren(...now.map((value, block) => {
      const row = document.createElement("tr");
      const name = text("th", `block ${block + 1}`);
      name.scope = "row";
      const flips = before && before[block] !== value;
      row.append(name, text("td", flips ? `◆ ${value}` : value, flips ? "flips-here" : ""),
        cell(value, before && before[block], "differs"), cell(value, answer && answer[block], "differs"));
      return row;
    }));
  };

  const moveCursor = (index, budget) => {
    for (const picture of pictures) {
      const start = points[data.start];
      const x = (seconds) => place(picture, "x", seconds / data.seconds);
      const y = place(picture, "y", points[index][RATING]) - place(picture, "y", start[RATING]);
      for (const line of picture.querySelectorAll('[data-role="cursor-line"]')) {
        line.setAttribute("transform", `translate(${x(budget) - x(start[LATENCY])} 0)`);
      }
      const dot = picture.querySelector('[data-role="cursor-dot"]');
      dot.setAttribute("transform", `translate(${x(points[index][LATENCY]) - x(start[LATENCY])} ${y})`);
    }
  };

  const show = (seconds, typed = false) => {
    const budget = Math.min(Math.max(seconds, points[0][LATENCY]), points[points.length - 1][LATENCY]);
    const index = within(budget);
    slider.value = budget;
    if (!typed) number.value = (budget / data.seconds).toFixed(data.decimals);
    const best = points[index];
    slider.setAttribute("aria-valuetext", `${time(budget)}: ${data.latency} ${time(best[LATENCY])}, ${data.merit.name} ${rating(best[RATING])}, ` +
      `${best[PARAMETERS]} parameters. ${describeFlips(index)}`);
    showTiles(index, budget);
    moveCursor(index, budget);
    if (index === shown) return;
    shown = index;
    document.getElementById("budget-flips").textContent = `${describeFlips(index)} ${describeNext(index)}`;
    showBlocks(index);
  };

  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
  slider.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    const target = Math.min(Math.max(shown + steps[event.key], 0), points.length - 1);
    show(points[target][LATENCY]);
  });
  slider.addEventListener("input", () => show(Number(slider.value)));
  number.addEventListener("input", () => number.value && show(Number(number.value) * data.seconds, true));
  number.addEventListener("change", () => show(Number(slider.value)));
  document.getElementById("budget-form").addEventListener("submit", (event) => event.preventDefault());
  for (const picture of pictures) {
    picture.addEventListener("click", (event) => {
      const [from, to, low, high] = edges(picture, "x");
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
      show((low + ((at.x - from) / (to - from)) * (high - low)) * data.seconds);
    });
  }

  // The track lies under the axis of the picture that is shown, so that the thumb stands below the cursor.
  const align = () => {
    const picture = pictures.find((one) => getComputedStyle(one).display !== "none");
    const width = picture.viewBox.baseVal.width;
    const drawn = picture.getBoundingClientRect().width;
    const room = slider.closest(".budget").getBoundingClientRect().width;
    const track = slider.parentElement.style;
    track.setProperty("--from", `${(place(picture, "x", points[0][LATENCY] / data.seconds) / width) * drawn}px`);
    track.setProperty("--to", `${room - (place(picture, "x", points[points.length - 1][LATENCY] / data.seconds) / width) * drawn}px`);
  };

  slider.min = points[0][LATENCY];
  slider.max = points[points.length - 1][LATENCY];
  addEventListener("resize", align);
  align();
  show(data.asked ?? points[data.start][LATENCY]);
})();
