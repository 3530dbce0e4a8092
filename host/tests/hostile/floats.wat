;; load module.compile
(func (result f64) (f64.const 0.1))
