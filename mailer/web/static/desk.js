// For every page of the desk, which all work without it.
//   <form data-confirm="Sentence?">   asks before the form is sent
//   <input data-select>               selects its whole content on focus

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  if (event.target.dataset?.select !== undefined) event.target.select();
});

// What a form was refused for is out of date once the form is changed.
document.addEventListener("change", (event) => {
  if (event.target.closest("#choosing")) for (const each of document.querySelectorAll("main > .said[role=alert]")) each.remove();
});

// The user menu and the menus of the editor close on Escape and on a click elsewhere.
const menus = [...document.querySelectorAll("details.me, details.drop")];
document.addEventListener("keydown", (event) => {
  const open = menus.find((menu) => menu.open);
  if (event.key === "Escape" && open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of menus) if (menu.open && (!menu.contains(event.target) || event.target.closest("[data-piece], [data-inline], [data-search]"))) menu.open = false;
});
