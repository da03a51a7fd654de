// What every page of the desk has: nothing here is needed, all of it is a comfort.
//   <form data-confirm="Sentence?">   asks before it is sent
//   <input data-select>               is selected as a whole when it is entered

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  if (event.target.dataset?.select !== undefined) event.target.select();
});

// The menu under one's name, and those of the editor, close as menus do.
const menus = [...document.querySelectorAll("details.me, details.drop")];
document.addEventListener("keydown", (event) => {
  const open = menus.find((menu) => menu.open);
  if (event.key === "Escape" && open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of menus) if (menu.open && (!menu.contains(event.target) || event.target.closest("[data-piece], [data-search]"))) menu.open = false;
});
