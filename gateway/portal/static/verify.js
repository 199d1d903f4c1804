// Sends one file to this origin, and shows what the verification and the pictures of its pages say.
"use strict";
const MAX_BYTES = 50 * 1024 * 1024;
const MAX_PAGES = 100;
const SLOW_MS = 120000;
const API = "/v1/public/documents:";
const SIGNS = { VALID: "✓", VALID_WITH_WARNINGS: "!", INVALID: "✕", INDETERMINATE: "?" };

const TEXTS = {
  zh: {
    title: "电子签章核验", subtitle: "核验盖有电子印章的文件：是谁盖的章，盖章后有没有被改动。",
    other: "English", call: "选择文件，或把文件拖到这里", again: "再核验一个文件：选择，或拖到这里",
    hint: "OFD 或 PDF，不超过 50 MB。文件只用于本次核验，不保存。",
    sending: "正在上传 {n}%", checking: "正在核验…", pages: "页面", before: "上一页", after: "下一页",
    page: "第 {n} 页，共 {m} 页", drawing: "正在生成页面图像…", alt: "{name} 第 {n} 页的图像",
    picture: "图像仅供查看，结论以核验结果为准。", none: "没有签章", seals: "签章（{n}）",
    code: "印章编码", signer: "签名证书", time: "签章时间", beijing: "{t}（北京时间）", covered: "保护内容",
    entries: "{n} 个部分", pdfCover: "见核验发现", list: "查看清单", digital: "数字签名（无印章）", unknown: "未知",
    findings: "核验发现", fine: "没有发现问题。", error: "错误", undecided: "无法判定", warning: "提示",
    open: "未核验的事项", save: "下载核验报告（JSON）", file: "{name}，{size}，核验于 {t}（北京时间）",
    VALID: "签章真实，盖章后内容没有被改动。",
    VALID_WITH_WARNINGS: "签章真实，盖章后内容没有被改动；请留意下面的提示。",
    INVALID: "至少一项核验没有通过，请不要采信这份文件，并向出具单位核实。",
    INDETERMINATE: "有事项在这里无法判定，请向出具单位核实。",
    noPicture: "无法生成页面图像，请用版式阅读软件查看。", noPdf: "PDF 不生成页面图像，请用阅读软件查看。",
    tooLarge: "文件超过 50 MB，请选择较小的文件。", empty: "文件是空的，请重新下载后再选择。",
    notDocument: "这不是 OFD 或 PDF 文件，请选择盖章的原文件（不是照片或扫描件）。",
    tooOften: "操作过于频繁，请等待 {n} 秒后重新选择文件。", away: "连接不上服务器，请检查网络后重新选择文件。",
    slow: "上传或核验用时过长，请换较快的网络或稍后重新选择文件。", broken: "服务器出现问题，请稍后重新选择文件。",
    unreadable: "无法读取所选文件，请重新选择。",
  },
  en: {
    title: "Check a sealed document", subtitle: "Who sealed it, and whether it was changed since.",
    other: "中文", call: "Choose a file, or drop it here", again: "Check another file: choose it, or drop it here",
    hint: "OFD or PDF, up to 50 MB. The file is used for this check only and not kept.",
    sending: "Uploading {n}%", checking: "Checking…", pages: "Pages", before: "Previous", after: "Next",
    page: "Page {n} of {m}", drawing: "Drawing the page…", alt: "Picture of page {n} of {name}",
    picture: "The picture is for viewing only; the verdict above counts.", none: "No seals", seals: "Seals ({n})",
    code: "Seal code", signer: "Signing certificate", time: "Sealed at", beijing: "{t} (Beijing time)",
    covered: "Protects", entries: "{n} parts", pdfCover: "see findings", list: "Show list",
    digital: "Digital signature (no seal)", unknown: "unknown", findings: "Findings",
    fine: "Nothing was found to be wrong.", error: "Errors", undecided: "Undecided", warning: "Warnings",
    open: "Not checked", save: "Download report (JSON)", file: "{name}, {size}, checked {t} (Beijing time)",
    VALID: "The seals are genuine and the content was not changed since.",
    VALID_WITH_WARNINGS: "The seals are genuine and the content was not changed since. Mind the warnings below.",
    INVALID: "At least one check failed. Do not rely on this file; ask the office that issued it.",
    INDETERMINATE: "Some things cannot be decided here. Ask the office that issued the file.",
    noPicture: "No picture can be made of this page; please use a reader.",
    noPdf: "There are no pictures of PDF pages; please use a reader.",
    tooLarge: "The file is larger than 50 MB; please choose a smaller one.",
    empty: "The file is empty; please download it again and choose that.",
    notDocument: "This is no OFD or PDF file; please choose the sealed original, not a photo or a scan.",
    tooOften: "Too many requests; please wait {n} seconds and choose the file again.",
    away: "The server cannot be reached; please check your connection and choose the file again.",
    slow: "This took too long; please use a faster connection, or choose the file again later.",
    broken: "Something went wrong on the server; please choose the file again later.",
    unreadable: "The file cannot be read; please choose it again.",
  },
};

const at = (id) => document.getElementById(id);
const state = { language: "zh", run: 0, file: null, report: null, failure: null, step: null, page: 0, pages: 0, blank: null };
let sending = null;
let drawing = null;

function say(name, values = {}) {
  return TEXTS[state.language][name].replace(/\{(\w+)\}/g, (_, key) => String(values[key]));
}

function make(tag, text, name) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function moment(value) {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" });
  return format.format(new Date(value));
}

function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

// ---- showing

function show() {
  const { language, report, failure, step } = state;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.state = step ? "busy" : failure ? "failed" : report ? "done" : "idle";
  document.title = say("title");
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = say(one.dataset.text);
  if (step || failure || report) document.querySelector(".call").textContent = say("again");
  at("language").textContent = say("other");
  at("language").lang = language === "zh" ? "en" : "zh-CN";
  at("progress").hidden = !step;
  if (step) {
    at("step").textContent = say(step.name, step);
    if (step.name === "sending") at("bar").value = step.n;
    else at("bar").removeAttribute("value");
  }
  at("failure").hidden = !failure;
  if (failure) at("failed").textContent = say(failure.name, failure);
  at("result").hidden = !report;
  if (report) showReport(report);
}

function showReport(report) {
  at("verdict").className = report.verdict;
  at("verdict").querySelector(".sign").textContent = SIGNS[report.verdict];
  at("word").textContent = report.text[state.language];
  at("meaning").textContent = say(report.verdict);
  at("which").textContent = say("file", { name: state.file.name, size: size(state.file.size), t: moment(state.checkedAt) });
  at("sealed").textContent = report.signatures.length ? say("seals", { n: report.signatures.length }) : say("none");
  at("seals").replaceChildren(...report.signatures.map(sealOf));
  const groups = ["error", "undecided", "warning"].map((name) => groupOf(name, report.findings)).filter(Boolean);
  at("findings").replaceChildren(...(groups.length ? groups : [make("p", say("fine"))]));
  const open = Object.values(report.not_checked).map((text) => make("li", text[state.language]));
  at("unchecked").replaceChildren(...open);
  at("open").hidden = open.length === 0;
  showPager();
}

function sealOf(seal) {
  const box = make("div", undefined, "seal");
  box.append(make("strong", seal.seal_name || (seal.type === "Sign" ? say("digital") : say("unknown"))));
  const list = make("dl");
  const rows = [
    ["code", seal.seal_code], ["signer", seal.signer || say("unknown")],
    ["time", seal.signed_at ? say("beijing", { t: moment(seal.signed_at) }) : say("unknown")],
    ["covered", seal.covered.length || !state.isPdf ? say("entries", { n: seal.covered.length }) : say("pdfCover")],
  ];
  for (const [name, value] of rows) if (value) list.append(make("dt", say(name)), make("dd", value));
  box.append(list);
  if (seal.covered.length) {
    const more = make("details");
    const entries = make("ul");
    entries.append(...seal.covered.map((name) => make("li", name)));
    more.append(make("summary", say("list")), entries);
    box.append(more);
  }
  return box;
}

function groupOf(severity, findings) {
  const ours = findings.filter((one) => one.severity === severity);
  if (!ours.length) return null;
  const box = make("div", undefined, `group ${severity}`);
  box.append(make("h4", `${say(severity)} (${ours.length})`));
  const list = make("ul");
  for (const one of ours) {
    const item = make("li");
    item.append(make("p", one.text[state.language]), make("span", [one.code, ...one.where].join(" · "), "code"));
    list.append(item);
  }
  box.append(list);
  return box;
}

function showPager() {
  const canvas = at("picture");
  canvas.setAttribute("aria-label", say("alt", { name: state.file.name, n: state.page + 1 }));
  canvas.hidden = state.blank !== null;
  at("blank").textContent = state.blank ? say(state.blank.name, state.blank) : "";
  at("pager").hidden = state.pages < 2;
  at("number").textContent = say("page", { n: state.page + 1, m: state.pages });
  at("before").disabled = state.page === 0;
  at("after").disabled = state.page + 1 >= Math.min(state.pages, MAX_PAGES);
}

// ---- asking

function failureOf(status, wait) {
  if (status === 413) return { name: "tooLarge" };
  if (status === 415) return { name: "notDocument" };
  if (status === 429) return { name: "tooOften", n: wait || 60 };
  if (status === 408 || status === 503 || status === 504) return { name: "slow" };
  return { name: "broken" };
}

function post(path, file, onStep) {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.open("POST", API + path);
    request.responseType = "blob";
    request.timeout = SLOW_MS;
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onStep({ name: "sending", n: Math.floor((100 * event.loaded) / event.total) });
    };
    request.upload.onload = () => onStep({ name: "checking" });
    request.onerror = () => reject({ name: "away" });
    request.ontimeout = () => reject({ name: "slow" });
    request.onabort = () => reject({ name: "away" });
    request.onload = () => {
      if (request.status === 200) resolve(request);
      else reject(failureOf(request.status, Number(request.getResponseHeader("Retry-After"))));
    };
    request.send(file);
  });
  return { request, answer };
}

async function kindOf(file) {
  if (file.size === 0) throw { name: "empty" };
  if (file.size > MAX_BYTES) throw { name: "tooLarge" };
  let head;
  try {
    head = String.fromCharCode(...new Uint8Array(await file.slice(0, 5).arrayBuffer()));
  } catch {
    throw { name: "unreadable" };
  }
  if (head.startsWith("PK")) return "ofd";
  if (head === "%PDF-") return "pdf";
  throw { name: "notDocument" };
}

async function verify(file) {
  const run = ++state.run;
  for (const one of [sending, drawing]) if (one) one.request.abort();
  Object.assign(state, { file, report: null, failure: null, step: { name: "sending", n: 0 }, page: 0, pages: 0 });
  show();
  try {
    state.isPdf = (await kindOf(file)) === "pdf";
    if (run !== state.run) return;
    sending = post("verify", file, (step) => {
      if (run !== state.run) return;
      state.step = step;
      show();
    });
    const report = JSON.parse(await (await sending.answer).response.text());
    if (run !== state.run) return;
    Object.assign(state, { report, checkedAt: new Date(), blank: state.isPdf ? { name: "noPdf" } : { name: "drawing" } });
  } catch (failure) {
    if (run !== state.run) return;
    state.failure = failure && failure.name in TEXTS.zh ? failure : { name: "broken" };
  }
  state.step = null;
  show();
  if (!state.report) return;
  at("verdict").focus({ preventScroll: true });
  at("verdict").scrollIntoView({ block: "nearest" });
  if (!state.isPdf) await turn(0);
}

async function turn(page) {
  const run = state.run;
  Object.assign(state, { page, blank: { name: "drawing" } });
  showPager();
  if (drawing) drawing.request.abort();
  const mine = post(`preview?page=${page}`, state.file, () => {});
  drawing = mine;
  try {
    const request = await mine.answer;
    const bitmap = await createImageBitmap(request.response);
    if (run !== state.run || drawing !== mine) return;
    const canvas = at("picture");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    Object.assign(state, { pages: Number(request.getResponseHeader("X-Page-Count")) || 1, blank: null });
  } catch (failure) {
    if (run !== state.run || drawing !== mine) return;
    state.blank = failure && failure.name === "tooOften" ? failure : { name: "noPicture" };
  }
  showPager();
}

function save() {
  const about = { file: state.file.name, size: state.file.size, checked_at: state.checkedAt.toISOString() };
  const text = JSON.stringify({ ...about, ...state.report }, null, 2);
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `${state.file.name.replace(/\.\w+$/, "")}-report.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// ---- wiring

function speak(language) {
  state.language = language;
  try {
    localStorage.setItem("language", language);
  } catch {
    // Without storage the choice holds for this page.
  }
  show();
}

function remembered() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (asked in TEXTS) return asked;
  try {
    const kept = localStorage.getItem("language");
    return kept in TEXTS ? kept : "zh";
  } catch {
    return "zh";
  }
}

at("language").addEventListener("click", () => speak(state.language === "zh" ? "en" : "zh"));
at("save").addEventListener("click", save);
at("before").addEventListener("click", () => turn(state.page - 1));
at("after").addEventListener("click", () => turn(state.page + 1));
at("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) verify(file);
  // So that choosing the same file again is a change again.
  event.target.value = "";
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) at("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  at("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file) verify(file);
});
state.language = remembered();
show();
