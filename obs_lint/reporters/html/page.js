(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const root = document.documentElement;
  const files = JSON.parse($("data").textContent).files;

  // -- colours: what the system says, until the button is pressed
  const theme = $("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("obs-lint-theme", value);
      return localStorage.getItem("obs-lint-theme");
    } catch { return null; }
  };
  const paint = (name) => {
    if (name) root.dataset.theme = name;
    const dark = (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    theme.textContent = dark ? "Light" : "Dark";
    theme.setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
  };
  const kept = stored();
  paint(kept === "dark" || kept === "light" ? kept : "");
  theme.hidden = false;
  theme.onclick = () => {
    const next = theme.textContent.toLowerCase();
    paint(next);
    stored(next);
  };
  system.addEventListener("change", () => paint(""));

  // -- names in tables lead to their findings
  for (const span of all("[data-go]")) {
    const link = document.createElement("a");
    link.href = span.dataset.go;
    link.append(...span.childNodes);
    span.replaceWith(link);
  }

  const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const later = (act) => {
    let timer = 0;
    return () => { clearTimeout(timer); timer = setTimeout(act, 120); };
  };
  const matching = (text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (body) => words.every((word) => body.includes(word));
  };

  // -- the event catalogue
  const eventForm = $("event-filters");
  if (eventForm) {
    const rows = all(".events > li").map((element) => ({ element, body: element.textContent.toLowerCase() }));
    const narrow = () => {
      const fits = matching($("event-q").value);
      const state = $("event-state").value;
      let shown = 0;
      for (const row of rows) {
        const on = (!state || row.element.dataset.state === state) && fits(row.body);
        row.element.hidden = !on;
        shown += on;
      }
      const whole = shown === rows.length;
      say($("event-count"), whole ? `All ${rows.length} events` : `${shown} of ${rows.length} events`);
    };
    eventForm.hidden = false;
    eventForm.onsubmit = (event) => event.preventDefault();
    eventForm.addEventListener("input", later(narrow));
    narrow();
  }

  // -- the findings
  const form = $("filters");
  if (!form) return;
  const groups = $("groups");
  const sections = all("details.g", groups);
  const found = [];
  for (const section of sections) {
    for (const element of section.lastElementChild.children) {
      const [path, module, whole, ...owners] = files[element.dataset.f];
      const [severity, code] = element.firstElementChild.children;
      found.push({
        element, section, path, module, whole, owners,
        rule: code.textContent,
        severity: severity.textContent,
        state: element.querySelector(".m > .known") ? "known" : "new",
        body: null,
      });
    }
  }
  const boxes = all("[name=severity]", form);
  const fields = ["q", "rule", "owner", "module", "state", "by"].filter((name) => form.elements[name]);
  const initial = { q: "", rule: "", owner: "", module: "", by: "rule" };
  if (form.elements.state) initial.state = form.elements.state.dataset.start;

  const read = () => {
    const now = {};
    for (const name of fields) now[name] = form.elements[name].value;
    now.severity = boxes.filter((box) => box.checked).map((box) => box.value);
    return now;
  };
  const write = (now) => {
    for (const name of fields) {
      const field = form.elements[name];
      field.value = now[name] ?? initial[name];
      if (field.selectedIndex === -1 && (name === "by" || name === "state")) field.value = initial[name];
      if (field.selectedIndex === -1) {
        // A link to what this report does not have shows nothing, and says of what.
        field.add(new Option(now[name], now[name]));
        field.value = now[name];
      }
    }
    for (const box of boxes) box.checked = !now.severity || now.severity.split(",").includes(box.value);
  };
  const hashOf = (now) => {
    const pairs = fields.filter((name) => now[name] !== initial[name]).map((name) => [name, now[name]]);
    if (now.severity.length < boxes.length) pairs.push(["severity", now.severity.join(",")]);
    return pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  };

  let grouping = "rule";
  const made = (name) => {
    const section = document.createElement("details");
    section.className = "g";
    const summary = document.createElement("summary");
    const heading = document.createElement("h3");
    heading.textContent = name;
    const number = document.createElement("span");
    number.className = "n";
    summary.append(heading, number);
    const list = document.createElement("ol");
    list.className = "fs";
    section.append(summary, list);
    return section;
  };
  const keyOf = { owner: (one) => one.owners.join(" "), module: (one) => one.module, file: (one) => one.path };
  const regroup = (by) => {
    if (by === grouping) return;
    grouping = by;
    const shown = [];
    if (by === "rule") {
      for (const one of found) one.section.lastElementChild.append(one.element);
      shown.push(...sections);
    } else {
      const bins = new Map();
      for (const one of found) {
        const key = keyOf[by](one);
        if (!bins.has(key)) bins.set(key, []);
        bins.get(key).push(one);
      }
      const order = [...bins].sort((a, b) => (by === "file" ? 0 : b[1].length - a[1].length) || (a[0] < b[0] ? -1 : 1));
      for (const [key, members] of order) {
        const section = made(key);
        section.lastElementChild.append(...members.map((one) => one.element));
        shown.push(section);
      }
    }
    groups.replaceChildren(...shown);
  };

  // The picture of the surface may name other packages than the filter does: those hold what lies below them.
  const packages = new Set([...form.elements.module.options].map((option) => option.value));
  const within = (one, name) => (packages.has(name)
    ? one.module === name
    : one.whole === name || one.whole.startsWith(`${name}.`));

  const FEW = 150;
  const apply = (opening) => {
    const now = read();
    const fits = matching(now.q);
    let shown = 0;
    for (const one of found) {
      let on = (!boxes.length || now.severity.includes(one.severity))
        && (!now.rule || one.rule === now.rule)
        && (!now.module || within(one, now.module))
        && (!now.owner || one.owners.includes(now.owner))
        && (!now.state || now.state === "all" || one.state === now.state);
      if (on && now.q) {
        one.body ??= `${one.path}\n${one.element.textContent}`.toLowerCase();
        on = fits(one.body);
      }
      one.element.hidden = !on;
      shown += on;
    }
    regroup(now.by);
    let visible = 0;
    for (const section of groups.children) {
      const items = [...section.lastElementChild.children];
      const count = items.filter((item) => !item.hidden).length;
      section.hidden = !count;
      visible += count > 0;
      section.querySelector(".n").textContent = count === items.length ? `${count}` : `${count} of ${items.length}`;
    }
    if (opening) {
      let first = true;
      for (const section of groups.children) {
        section.open = !section.hidden && (shown <= FEW || (visible === 1 && first));
        if (!section.hidden) first = false;
      }
    }
    const whole = shown === found.length;
    const noun = found.length === 1 ? "finding" : "findings";
    say($("count"), whole ? `All ${found.length} ${noun}` : `${shown} of ${found.length} ${noun}`);
    label();
  };
  const fold = $("fold");
  const anyOpen = () => [...groups.children].some((section) => section.open && !section.hidden);
  const label = () => { fold.textContent = anyOpen() ? "Close all" : "Open all"; };
  fold.onclick = () => {
    const open = !anyOpen();
    for (const section of groups.children) section.open = open;
    label();
  };
  groups.addEventListener("toggle", label, true);

  const changed = (opening) => {
    apply(opening);
    const hash = hashOf(read());
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };
  const soon = later(() => changed(true));
  form.addEventListener("input", soon);
  form.onsubmit = (event) => { event.preventDefault(); changed(true); };
  form.onreset = (event) => { event.preventDefault(); write({}); changed(true); };

  const share = $("share");
  share.hidden = !navigator.clipboard;
  share.onclick = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      share.textContent = "Copied";
    } catch { share.textContent = "Copy the address"; }
    setTimeout(() => { share.textContent = "Copy link"; }, 2000);
  };

  const reveal = (id) => {
    const one = found.find((each) => each.element.id === id);
    if (!one) return;
    if (one.element.hidden) {
      write({ state: form.elements.state ? "all" : undefined });
      apply(false);
    }
    one.element.closest("details").open = true;
    one.element.tabIndex = -1;
    one.element.focus({ preventScroll: true });
    one.element.scrollIntoView({ block: "center" });
  };
  const follow = (first) => {
    const hash = location.hash.slice(1);
    if (hash.startsWith("f-")) return reveal(hash);
    if (hash.includes("=")) {
      write(Object.fromEntries(new URLSearchParams(hash.replace(/\+/g, "%2B"))));
      apply(true);
      const section = $("findings");
      section.scrollIntoView();
      const heading = $("findings-h");
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    } else if (first) apply(false);
  };
  form.hidden = false;
  apply(found.length <= FEW || Boolean(initial.state));
  addEventListener("hashchange", () => follow(false));
  follow(false);

  // -- paper shows everything that is shown, unfolded
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const each of folded) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of folded) each.open = false; });
})();
