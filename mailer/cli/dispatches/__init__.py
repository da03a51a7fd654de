"""Commands for a dispatch before it is sent: `new`, `schema`, `import`, `check`, `render`."""
