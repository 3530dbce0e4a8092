;; answer engine.resources
(func (export "ambit_alloc") (param i32) (result i32) (i32.const 0))
