//! Pages of the console.
