export const said = (page) => document.title = `HQ: ${page}`;
