;; load module.outdated
(func (export "ambit_abi") (result i32) (i32.const 1))
