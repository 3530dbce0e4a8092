;; load module.format
(import "env" "now" (func (result i64)))
