'use strict';

(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const byId = (id) => document.getElementById(id);
  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();

  // -- words -------------------------------------------------------------------------------------

  const bytesText = (bytes) => {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let value = bytes;
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      ++unit;
    }
    const digits = unit === 0 || value >= 100 ? 0 : 1;
    return value.toFixed(digits).replace(/\.0$/, '') + ' ' + units[unit];
  };
  const secondsText = (s) => s.toFixed(s < 10 ? 2 : 1) + ' s';
  // Without the folder that the program lies in.
  const programText = (program) => program.replace(/^[^ ]*\//, '');
  const countText = (n) => n.toLocaleString('en');

  // A scale of bytes has ticks at round numbers of its unit.
  const byteStep = (most) => {
    let step = 1;
    while (step * 8 < most) step *= 2;
    return step;
  };

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // -- charts ------------------------------------------------------------------------------------

  const charts = {};

  const show = (id, config) => {
    if (charts[id]) charts[id].destroy();
    Chart.defaults.color = color('quiet');
    Chart.defaults.borderColor = color('line');
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    charts[id] = new Chart(byId(id), config);
  };

  const baseOptions = () => ({
    animation: false,
    maintainAspectRatio: false,
    interaction: {mode: 'index', intersect: false},
    plugins: {
      legend: {position: 'bottom', labels: {
        usePointStyle: true, boxWidth: 14, boxHeight: 9, padding: 10, color: color('text'),
      }},
      tooltip: {
        backgroundColor: color('text'), titleColor: color('panel'), bodyColor: color('panel'),
      },
    },
  });

  const byteAxis = (most) => ({
    stacked: true,
    beginAtZero: true,
    ticks: {callback: (value) => bytesText(value), stepSize: byteStep(most)},
  });
  const byteLabel = (item) => ` ${item.dataset.label}: ${bytesText(item.parsed.y)}`;

  const hasAlpha = (name, alpha) => Chart.helpers.color(color(name)).alpha(alpha).rgbString();

  // -- one recording -----------------------------------------------------------------------------

  const OCCUPANCY = [
    ['live_small', 'live, small', 'small-full'],
    ['live_runs', 'live, medium', 'medium'],
    ['live_large', 'live, large', 'large'],
    ['cached', 'cached in bins', 'cached'],
    ['mail', 'in mailboxes', 'mail'],
    ['free_in_spans', 'free in spans', 'free-in-spans'],
    ['free_dirty', 'free pages, dirty', 'free-dirty'],
  ];
  const PRESSURE = [
    ['pressure_failures', 'failed allocations', 'bad'],
    ['pressure_climbs', 'climbs of the ladder', 'accent'],
    ['pressure_broadcasts', 'broadcasts', 'large'],
    ['soft_limit_reliefs', 'soft limit reliefs', 'mail'],
  ];
  const KINDS = ['free clean', 'free dirty', 'small', 'medium', 'large', 'in a mailbox'];
  const PAGES = 512;
  const TILE_COLUMNS = 32;
  const TILE_ROWS = PAGES / TILE_COLUMNS;
  const GAP = 2;  // between tiles, in pages
  const MOST_MAP_HEIGHT = 900;
  const PAGE_BYTES = 4096n;

  let recording;
  let samples;
  let chosen = 0;  // index of the sample that is shown
  let tiles;       // [{slot, history: [[sample, shard, runs or null], ...]}] by slot

  // What each slot was, from the changes that the samples hold.
  const collectTiles = () => {
    const bySlot = new Map();
    const note = (slot, entry) => {
      if (!bySlot.has(slot)) bySlot.set(slot, []);
      bySlot.get(slot).push(entry);
    };
    samples.forEach((sample, i) => {
      for (const [slot, shard, runs] of sample.tiles) note(slot, [i, shard, runs]);
      for (const slot of sample.gone) note(slot, [i, 0, null]);
    });
    tiles = [...bySlot].map(([slot, history]) => ({slot, history}))
      .sort((a, b) => a.slot - b.slot);
  };

  // The last entry at or before the chosen sample.
  const tileNow = (tile) => {
    let low = 0;
    let high = tile.history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tile.history[middle][0] <= chosen) low = middle + 1; else high = middle;
    }
    return low === 0 ? null : tile.history[low - 1];
  };

  const cursor = {
    id: 'cursor',
    afterDatasetsDraw(chart) {
      const x = chart.scales.x.getPixelForValue(samples[chosen].t);
      const {top, bottom} = chart.chartArea;
      const context = chart.ctx;
      context.save();
      context.strokeStyle = color('accent');
      context.lineWidth = 1.5;
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, bottom);
      context.stroke();
      context.restore();
    },
  };

  const timeAxis = () => ({
    type: 'linear',
    min: samples[0].t,
    max: Math.max(samples[samples.length - 1].t, samples[0].t + 0.001),
    ticks: {callback: (value) => Number(value.toFixed(3)) + ' s', maxRotation: 0,
      autoSkipPadding: 16, includeBounds: false},
  });

  const timeOptions = (yAxis, label) => {
    const options = baseOptions();
    // The same width in both charts, so that their times lie below each other.
    yAxis.afterFit = (scale) => { scale.width = 72; };
    options.scales = {x: timeAxis(), y: yAxis};
    options.plugins.tooltip.callbacks = {
      title: (items) => items.length ? 'at ' + secondsText(items[0].parsed.x) : '', label,
    };
    options.onClick = (event, items) => {
      if (items.length) choose(items[0].index);
    };
    return options;
  };

  const line = (label, name, points, more) => ({
    label, data: points, borderColor: color(name), backgroundColor: color(name), borderWidth: 1.5,
    pointRadius: samples.length === 1 ? 3 : 0, pointHitRadius: 6,
    pointStyle: 'line', ...more,
  });

  const drawOccupancy = () => {
    const at = (get) => samples.map((sample) => ({x: sample.t, y: get(sample)}));
    const lines = [
      line('committed', 'committed', at((s) => s.committed), {stack: 'committed', fill: false}),
      line('resident, whole process', 'resident', at((s) => s.rss),
        {stack: 'resident', fill: false, borderDash: [5, 4]}),
    ];
    const areas = OCCUPANCY.map(([key, label, name]) =>
      line(label, name, at((s) => s.occupancy[key]), {
        stack: 'use', fill: 'stack', borderWidth: 0, backgroundColor: hasAlpha(name, 0.85),
        pointStyle: 'rectRounded',
      }));
    areas[0].fill = 'origin';
    const most = Math.max(...samples.map((s) => Math.max(s.rss, s.committed)));
    show('occupancy', {
      type: 'line', data: {datasets: [...lines, ...areas]}, plugins: [cursor],
      options: timeOptions(byteAxis(most), byteLabel),
    });
  };

  const drawPressure = () => {
    const since = (key, i) =>
      i === 0 ? samples[0].events[key] : samples[i].events[key] - samples[i - 1].events[key];
    const datasets = PRESSURE.map(([key, label, name]) => ({
      label, data: samples.map((s, i) => ({x: s.t, y: Math.max(0, since(key, i))})),
      borderColor: color(name), backgroundColor: color(name), borderWidth: 1.5, stepped: 'after',
      pointRadius: (context) => context.raw && context.raw.y > 0 ? 2.5 : 0, pointHitRadius: 6,
    }));
    const last = samples[samples.length - 1].events;
    byId('pressure-note').textContent = PRESSURE.every(([key]) => last[key] === 0)
      ? 'none: no allocation had to look further than its shard'
      : PRESSURE.filter(([key]) => last[key] > 0)
        .map(([key, label]) => `${countText(last[key])} ${label}`).join(', ');
    const axis = {beginAtZero: true, suggestedMax: 1, ticks: {precision: 0}};
    show('pressure', {
      type: 'line', data: {datasets}, plugins: [cursor],
      options: timeOptions(axis, (item) => ` ${item.dataset.label}: ${countText(item.parsed.y)}`),
    });
  };

  const classParts = (row) => {
    const [tag, spans, free, mail, cached] = row;
    const [size, objects, pages] = recording.classes[tag];
    const idle = Math.min(free + mail + cached, spans * objects);
    const live = spans * objects - idle;
    return {
      size, live: live * size, cached: cached * size, mail: mail * size,
      free: Math.max(0, spans * pages * 4096 - (live + cached + mail) * size),
    };
  };

  const drawClasses = () => {
    const rows = samples[chosen].classes.map(classParts).sort((a, b) => a.size - b.size);
    const part = (label, key, name) =>
      ({label, data: rows.map((row) => row[key]), backgroundColor: color(name),
        pointStyle: 'rectRounded'});
    const config = {
      labels: rows.map((row) => bytesText(row.size)),
      datasets: [part('live', 'live', 'small-full'), part('cached in bins', 'cached', 'cached'),
        part('in mailboxes', 'mail', 'mail'), part('free in spans', 'free', 'free-in-spans')],
    };
    const most = Math.max(1, ...rows.map((row) => row.live + row.cached + row.mail + row.free));
    if (charts.classes) {
      charts.classes.data = config;
      charts.classes.options.scales.y.ticks.stepSize = byteStep(most);
      charts.classes.update('none');
      return;
    }
    const options = baseOptions();
    options.scales = {x: {stacked: true, grid: {display: false}}, y: byteAxis(most)};
    options.plugins.tooltip.callbacks = {
      title: (items) => items.length ? 'objects of ' + items[0].label : '', label: byteLabel,
    };
    show('classes', {type: 'bar', data: config, options});
  };

  const drawCards = () => {
    const sample = samples[chosen];
    const o = sample.occupancy;
    const live = o.live_small + o.live_runs + o.live_large;
    const share = (part, whole) => whole > 0 ? Math.round(100 * part / whole) + ' %' : '-';
    const cards = [
      [bytesText(live), 'live'],
      [bytesText(o.cached + o.mail), 'cached, with mailboxes'],
      [bytesText(sample.committed), `committed, ${share(live, sample.committed)} of it live`],
      [bytesText(sample.rss), 'resident, whole process'],
      [bytesText(sample.peak_used), 'peak live so far'],
      [countText(sample.threads), sample.threads === 1 ? 'thread' : 'threads'],
      [countText(sample.events.pressure_climbs), 'pressure events so far'],
    ];
    byId('cards').replaceChildren(...cards.map(([value, label]) => {
      const card = element('div', undefined, 'card');
      card.append(element('b', value), element('span', label));
      return card;
    }));
  };

  // -- the map -----------------------------------------------------------------------------------

  const pixel = (name) => {
    const {r, g, b} = Chart.helpers.color(color(name)).rgb;
    return [r, g, b];
  };
  let palette;
  const loadPalette = () => {
    palette = {
      kinds: ['free-clean', 'free-dirty', null, 'medium', 'large', 'mail'].map(
        (name) => name && pixel(name)),
      sparse: pixel('small-sparse'), full: pixel('small-full'),
    };
  };

  const runColor = (kind, tag, value) => {
    if (kind !== 2) return palette.kinds[kind] || palette.kinds[0];
    const objects = recording.classes[tag] ? recording.classes[tag][1] : 0;
    const share = objects > 0 ? Math.min(1, value / objects) : 1;
    return palette.sparse.map((from, i) => from + (palette.full[i] - from) * share);
  };

  let layout;  // how the tiles lie: across, scale in device pixels a page
  const mapLayout = () => {
    const width = byId('map-frame').clientWidth;
    const tileWidth = TILE_COLUMNS + GAP;
    const tileHeight = TILE_ROWS + GAP;
    let best;
    for (let scale = 6; scale >= 1; --scale) {
      const across = Math.max(1, Math.floor((width + GAP * scale) / (tileWidth * scale)));
      const down = Math.ceil(tiles.length / across);
      best = {scale, across, down, width};
      if (down * tileHeight * scale <= MOST_MAP_HEIGHT) break;
    }
    return best;
  };

  // One pixel a page into a small image, which the canvas shows enlarged.
  const paintPages = (image) => {
    const pixels = image.data;
    tiles.forEach((tile, n) => {
      const left = (n % layout.across) * (TILE_COLUMNS + GAP);
      const top = Math.floor(n / layout.across) * (TILE_ROWS + GAP);
      const now = tileNow(tile);
      let page = 0;
      const runs = now && now[2] ? now[2] : [];
      for (let i = 0; i < runs.length; i += 4) {
        const rgb = runColor(runs[i + 1], runs[i + 2], runs[i + 3]);
        for (let k = 0; k < runs[i]; ++k, ++page) {
          const x = left + page % TILE_COLUMNS;
          const y = top + Math.floor(page / TILE_COLUMNS);
          const at = 4 * (y * image.width + x);
          pixels[at] = rgb[0];
          pixels[at + 1] = rgb[1];
          pixels[at + 2] = rgb[2];
          pixels[at + 3] = 255;
        }
      }
    });
  };

  const drawMap = () => {
    layout = mapLayout();
    const canvas = byId('map');
    const pageWidth = layout.across * (TILE_COLUMNS + GAP) - GAP;
    const pageHeight = Math.max(1, layout.down * (TILE_ROWS + GAP) - GAP);
    const ratio = window.devicePixelRatio || 1;
    const scale = Math.max(1, Math.round(layout.scale * ratio));
    canvas.width = pageWidth * scale;
    canvas.height = pageHeight * scale;
    canvas.style.width = pageWidth * scale / ratio + 'px';
    canvas.style.height = pageHeight * scale / ratio + 'px';
    layout.shown = scale / ratio;
    const small = document.createElement('canvas');
    small.width = pageWidth;
    small.height = pageHeight;
    const image = small.getContext('2d').createImageData(pageWidth, pageHeight);
    paintPages(image);
    small.getContext('2d').putImageData(image, 0, 0);
    const context = canvas.getContext('2d');
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    describeMap();
  };

  const describeMap = () => {
    const present = tiles.filter((tile) => {
      const now = tileNow(tile);
      return now && now[2];
    }).length;
    const clean = samples[chosen].clean_slots;
    byId('map-note').textContent = `${countText(present)} segments of 2 MiB, ` +
      `${PAGES} pages each` + (clean > 0 ? `; ${countText(clean)} more are free and clean` : '');
    byId('map').setAttribute('aria-label', `Map of ${present} segments; the figures above say the same`);
  };

  const legend = () => {
    const swatch = (background, text) => {
      const item = element('li');
      const box = element('i');
      box.style.background = background;
      item.append(box, text);
      return item;
    };
    byId('map-legend').replaceChildren(
      swatch(color('free-clean'), 'free, clean'), swatch(color('free-dirty'), 'free, dirty'),
      swatch(`linear-gradient(90deg, ${color('small-sparse')}, ${color('small-full')})`,
        'small, by fullness'),
      swatch(color('medium'), 'medium'), swatch(color('large'), 'large'),
      swatch(color('mail'), 'in a mailbox'));
  };

  const describeRun = (runs, page) => {
    let first = 0;
    for (let i = 0; i < runs.length; i += 4) {
      const [pages, kind, tag, value] = runs.slice(i, i + 4);
      if (page >= first + pages) {
        first += pages;
        continue;
      }
      const size = recording.classes[tag] ? recording.classes[tag][0] : 0;
      const objects = recording.classes[tag] ? recording.classes[tag][1] : 0;
      if (kind === 2) {
        return `span of ${bytesText(size)} objects, ${value} of ${objects} in use`;
      }
      if (kind === 5 && objects > 1) {
        return `span of ${bytesText(size)} objects, ${value} wait in its mailbox`;
      }
      const length = kind === 3 ? `, ${bytesText(size)} each` : '';
      return `${KINDS[kind]}: ${pages} page${pages === 1 ? '' : 's'}${length}`;
    }
    return '';
  };

  const tipAt = (x, y) => {
    const pageX = Math.floor(x / layout.shown);
    const pageY = Math.floor(y / layout.shown);
    const column = pageX % (TILE_COLUMNS + GAP);
    const row = pageY % (TILE_ROWS + GAP);
    if (column >= TILE_COLUMNS || row >= TILE_ROWS || pageX < 0 || pageY < 0) return null;
    const across = Math.floor(pageX / (TILE_COLUMNS + GAP));
    const tile = across < layout.across
      ? tiles[Math.floor(pageY / (TILE_ROWS + GAP)) * layout.across + across] : null;
    if (!tile) return null;
    const now = tileNow(tile);
    const page = row * TILE_COLUMNS + column;
    const address =
      BigInt(recording.base) + (BigInt(tile.slot) * BigInt(PAGES) + BigInt(page)) * PAGE_BYTES;
    const what = now && now[2] ? describeRun(now[2], page) : 'free, holds no memory';
    const owner = now && now[2] && now[1] !== 255 ? `, shard ${now[1]}` : '';
    return `0x${address.toString(16)}, segment ${tile.slot}${owner}\n${what}`;
  };

  const showTip = (event) => {
    const frame = byId('map-frame').getBoundingClientRect();
    const x = event.clientX - frame.left;
    const y = event.clientY - frame.top;
    const tip = byId('tip');
    const text = tipAt(x, y);
    tip.hidden = text === null;
    if (text === null) return;
    tip.replaceChildren(...text.split('\n').map((part) => element('div', part)));
    tip.style.left = Math.max(0, Math.min(x + 14, frame.width - tip.offsetWidth)) + 'px';
    tip.style.top = y + 16 + 'px';
  };

  // -- the chosen time ---------------------------------------------------------------------------

  const choose = (index) => {
    chosen = index;
    byId('slider').value = String(index);
    const time = `${secondsText(samples[index].t)} (${index + 1}/${samples.length})`;
    byId('time').textContent = time;
    byId('slider').setAttribute('aria-valuetext', time);
    drawCards();
    drawMap();
    drawClasses();
    for (const id of ['occupancy', 'pressure']) if (charts[id]) charts[id].draw();
  };

  let player = null;
  const stop = () => {
    clearInterval(player);
    player = null;
    byId('play').textContent = 'Play';
  };
  const play = () => {
    if (player !== null) return stop();
    if (chosen === samples.length - 1) choose(0);
    byId('play').textContent = 'Pause';
    player = setInterval(() => {
      if (chosen + 1 >= samples.length) stop(); else choose(chosen + 1);
    }, Math.max(40, Math.min(200, 8000 / samples.length)));
  };

  const drawRecording = () => {
    for (const id of ['occupancy', 'pressure', 'classes']) {
      if (charts[id]) charts[id].destroy();
      delete charts[id];
    }
    loadPalette();
    legend();
    drawOccupancy();
    drawPressure();
    choose(chosen);
  };

  const openRecording = (index) => {
    stop();
    recording = data.recordings[index];
    samples = recording.samples;
    const parts = [`process ${recording.pid}`];
    if (recording.lane) parts.push(`hz3 lane ${recording.lane}`);
    if (recording.shards) parts.push(`${recording.shards} shards`);
    parts.push(recording.started);
    if (recording.ending) parts.push(recording.ending);
    if (recording.partial) parts.push('cut off');
    byId('title').textContent = programText(recording.program);
    byId('about').textContent = parts.join(' \u00b7 ');
    byId('empty').hidden = samples.length > 0;
    byId('recording').hidden = samples.length === 0;
    if (samples.length === 0) return;
    const isSingle = samples.length === 1;
    byId('instant').hidden = isSingle;
    byId('over-time').hidden = isSingle;
    byId('slider').max = String(samples.length - 1);
    collectTiles();
    // What is most telling first: when most was live.
    const live = (s) => s.occupancy.live_small + s.occupancy.live_runs + s.occupancy.live_large;
    chosen = samples.reduce((best, s, i) => live(s) > live(samples[best]) ? i : best, 0);
    drawRecording();
  };

  // -- benchmarks --------------------------------------------------------------------------------

  const isBytes = (unit) => unit === 'bytes' || unit === 'B';
  const valueText = (value, unit) => {
    if (value === null || value === undefined) return '-';
    if (isBytes(unit)) return bytesText(value);
    const text = Math.abs(value) >= 1000 ? countText(Math.round(value)) : String(Number(value.toPrecision(4)));
    return unit ? `${text} ${unit}` : text;
  };
  const verdictClass = (verdict) => {
    if (/ahead|pass|better|ok/i.test(verdict || '')) return 'good';
    return /behind|fail|worse|regress|slower|larger/i.test(verdict || '') ? 'bad' : '';
  };
  const gateName = (gate) => [gate.commit && gate.commit.slice(0, 10), gate.date && gate.date.slice(0, 10)]
    .filter(Boolean).join(' ') || gate.file;
  const rowOf = (gate, name) => gate.rows.find((row) => row.name === name);

  const drawHistory = (name) => {
    const rows = data.gates.map((gate) => rowOf(gate, name));
    const unit = (rows.find((row) => row && row.unit) || {}).unit;
    const series = (label, key, style) => ({
      label, data: rows.map((row) => row ? row[key] : null), spanGaps: true, borderWidth: 2,
      borderColor: color('accent'), backgroundColor: color('accent'), pointRadius: 4, ...style,
    });
    // A limit is a line, a range a band.
    const isLimit = rows.every((row) => !row || row.low === null);
    const edge = {borderWidth: 0, pointRadius: 0, backgroundColor: hasAlpha('accent', 0.15)};
    const options = baseOptions();
    options.scales = {
      x: {offset: rows.length === 1, ticks: {maxRotation: 40}},
      y: {
        grace: '15%', ticks: {callback: (value) => valueText(value, isBytes(unit) ? unit : '')},
        title: {display: Boolean(unit) && !isBytes(unit), text: unit},
      },
    };
    options.plugins.legend.labels.filter = (item) => !item.text.startsWith('_');
    options.plugins.tooltip.callbacks = {
      label: (item) => ` ${item.dataset.label.replace('_', '')}: ${valueText(item.parsed.y, unit)}`,
    };
    show('history', {
      type: 'line',
      data: {
        labels: data.gates.map(gateName),
        datasets: [
          series('value', 'value', {}),
          series('baseline', 'baseline', {borderColor: color('quiet'), backgroundColor: color('quiet'),
            borderDash: [5, 4], pointRadius: 2}),
          ...(isLimit ? [series('limit', 'high', {
            borderColor: color('bad'), backgroundColor: color('bad'), borderDash: [2, 3], pointRadius: 0,
          })] : [series('_low', 'low', {...edge, fill: false}),
            series('_high', 'high', {...edge, fill: '-1'})]),
        ],
      },
      options,
    });
    byId('gate-row').value = name;
    for (const row of byId('gate-table').tBodies[0].rows) {
      row.classList.toggle('chosen', row.dataset.name === name);
    }
  };

  const tableRow = (row) => {
    const made = element('tr');
    made.dataset.name = row.name || '-';
    const range = row.high === null ? '-' : row.low === null ? `at most ${valueText(row.high, row.unit)}`
      : `${valueText(row.low, isBytes(row.unit) ? row.unit : '')} to ${valueText(row.high, row.unit)}`;
    made.append(element('td', row.name || '-'), element('td', row.kind || '-'),
      element('td', row.verdict || '-', verdictClass(row.verdict)),
      element('td', valueText(row.value, row.unit)), element('td', valueText(row.baseline, row.unit)),
      element('td', row.ratio === null ? '-' : row.ratio.toFixed(3)), element('td', range));
    made.addEventListener('click', () => drawHistory(row.name));
    return made;
  };

  const openBenchmarks = () => {
    const newest = data.gates[data.gates.length - 1];
    byId('benchmarks').hidden = false;
    byId('gate-about').textContent = [gateName(newest), newest.machine,
      `${newest.rows.length} rows`, data.gates.length > 1 ? `history of ${data.gates.length} files` : '']
      .filter(Boolean).join(' \u00b7 ');
    const table = byId('gate-table');
    const head = element('tr');
    for (const name of ['row', 'kind', 'verdict', 'value', 'baseline', 'ratio', 'range']) {
      head.append(element('th', name));
    }
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(...newest.rows.map(tableRow));
    const names = [...new Set(data.gates.flatMap((gate) => gate.rows.map((row) => row.name)))]
      .filter((name) => name !== null);
    byId('gate-row').replaceChildren(...names.map((name) => {
      const option = element('option', name);
      option.value = name;
      return option;
    }));
    if (names.length > 0) drawHistory(rowOf(newest, names[0]) ? names[0] : names[names.length - 1]);
  };

  const filterRows = () => {
    const wanted = byId('gate-filter').value.toLowerCase();
    for (const row of byId('gate-table').tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  };

  // -- call sites --------------------------------------------------------------------------------

  const figureWords = {
    inuse_space: 'live', inuse_objects: 'live blocks', peak_space: 'at the peak',
    alloc_space: 'allocated', stranded_space: 'stranded', pinned_space: 'pinned',
  };
  const profile = () => data.profiles[Number(byId('profile').value) || 0];
  const shownFigures = () => Object.keys(figureWords)
    .map((name) => ({name, at: profile().figures.indexOf(name)})).filter(({at}) => at >= 0);
  const figureText = (name, value) => name.endsWith('_space') ? bytesText(value) : countText(value);

  // The innermost frame, and the others on demand.
  const stackCell = (stack) => {
    const cell = element('td');
    const details = element('details');
    details.append(element('summary', stack[0] || '(unknown)'));
    for (const frame of stack.slice(1)) details.append(element('div', frame));
    cell.append(details);
    return cell;
  };

  const drawProfile = () => {
    const shown = profile();
    const figures = shownFigures();
    const order = shown.figures.indexOf(byId('profile-order').value);
    const head = element('tr');
    for (const {name} of figures) head.append(element('th', figureWords[name]));
    head.append(element('th', 'allocated by'));
    const total = element('tr', undefined, 'chosen');
    for (const {name, at} of figures) total.append(element('td', figureText(name, shown.totals[at])));
    total.append(element('td', `all ${countText(shown.sites)} call sites`));
    const rows = [...shown.rows].sort((a, b) => b.values[order] - a.values[order]).map((row) => {
      const made = element('tr');
      for (const {name, at} of figures) made.append(element('td', figureText(name, row.values[at])));
      made.append(stackCell(row.stack));
      return made;
    });
    const table = byId('profile-table');
    table.tHead.replaceChildren(head, total);
    table.tBodies[0].replaceChildren(...rows);
    byId('profile-about').textContent = [programText(shown.file),
      shown.period > 1 ? `estimates, one sample every ${bytesText(shown.period)}` : 'every block',
      ...shown.comments].join(' \u00b7 ');
    filterStacks();
  };

  const filterStacks = () => {
    const wanted = byId('profile-filter').value.toLowerCase();
    for (const row of byId('profile-table').tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  };

  const option = (text, value) => {
    const made = element('option', text);
    made.value = value;
    return made;
  };

  const openProfiles = () => {
    byId('profiles').hidden = false;
    byId('profile-choice').hidden = data.profiles.length === 1;
    byId('profile').replaceChildren(
      ...data.profiles.map((each, i) => option(programText(each.file), String(i))));
    byId('profile-order').replaceChildren(
      ...shownFigures().map(({name}) => option(figureWords[name], name)));
    drawProfile();
  };

  // -- begin -------------------------------------------------------------------------------------

  const begin = () => {
    byId('title').textContent = data.title;
    if (data.recordings.length > 1) {
      byId('choice').hidden = false;
      byId('recordings').replaceChildren(...data.recordings.map((each, i) => {
        const option = element('option', `${programText(each.program)} \u00b7 ${each.started}`);
        option.value = String(i);
        return option;
      }));
    }
    if (data.recordings.length > 0) openRecording(0);
    if (data.profiles.length > 0) openProfiles();
    if (data.gates.length > 0) openBenchmarks();
  };

  byId('slider').addEventListener('input', (event) => {
    stop();
    choose(Number(event.target.value));
  });
  byId('play').addEventListener('click', play);
  byId('recordings').addEventListener('change', (event) => openRecording(Number(event.target.value)));
  byId('gate-row').addEventListener('change', (event) => drawHistory(event.target.value));
  byId('gate-filter').addEventListener('input', filterRows);
  byId('profile').addEventListener('change', drawProfile);
  byId('profile-order').addEventListener('change', drawProfile);
  byId('profile-filter').addEventListener('input', filterStacks);
  byId('map').addEventListener('pointermove', showTip);
  byId('map').addEventListener('pointerdown', showTip);
  byId('map').addEventListener('pointerleave', () => { byId('tip').hidden = true; });

  let width = window.innerWidth;
  window.addEventListener('resize', () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    if (samples && samples.length > 0) drawMap();
  });
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    if (samples && samples.length > 0) drawRecording();
    if (data.gates.length > 0) drawHistory(byId('gate-row').value);
  });

  begin();
})();
