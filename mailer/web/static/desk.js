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

// The menu under one's name closes as menus do.
const menu = document.querySelector("details.me");
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu?.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});
