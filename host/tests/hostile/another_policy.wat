;; load module.mismatch
(func (export "ambit_info") (result i64) (i64.const {DENY}))
