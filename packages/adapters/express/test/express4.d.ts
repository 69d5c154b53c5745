/** Express 4 beside Express 5; the suite uses nothing that its types do not share. */
declare module "express4" {
  import express from "express";
  export default express;
}
