;; load module.abi
(func (export "ambit_abi") (result i32) (i32.const 3))
