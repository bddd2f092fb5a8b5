-- The views, routines and triggers of the shop that the samples were recorded on.
USE magento;
CREATE VIEW v_hr_directory AS SELECT e.employee_id,e.employee_no,e.firstname,e.lastname,e.job_title,d.name department FROM hr_employee e LEFT JOIN hr_department d USING(department_id);
CREATE SQL SECURITY DEFINER VIEW v_payroll_latest AS SELECT p.* FROM hr_payroll p JOIN (SELECT employee_id,max(period) mp FROM hr_payroll GROUP BY employee_id) x ON x.employee_id=p.employee_id AND x.mp=p.period;
DELIMITER //
CREATE PROCEDURE sp_payslip(IN eid INT, IN per CHAR(7)) BEGIN
  SELECT * FROM hr_payroll WHERE employee_id=eid AND period=per;
  SELECT type, monthly_cost FROM hr_benefits WHERE employee_id=eid; END//
CREATE PROCEDURE sp_export_all() BEGIN DECLARE done INT DEFAULT 0; DECLARE i INT; DECLARE c CURSOR FOR SELECT employee_id FROM hr_employee LIMIT 25; DECLARE CONTINUE HANDLER FOR NOT FOUND SET done=1; OPEN c; l: LOOP FETCH c INTO i; IF done THEN LEAVE l; END IF; SELECT ssn,iban,salary FROM hr_employee WHERE employee_id=i; END LOOP; CLOSE c; END//
CREATE FUNCTION fn_salary(eid INT) RETURNS DECIMAL(12,2) READS SQL DATA RETURN (SELECT salary FROM hr_employee WHERE employee_id=eid)//
CREATE TRIGGER tr_payroll_ai AFTER INSERT ON hr_payroll FOR EACH ROW INSERT INTO employee_portal_access_log(employee_id,route,at) VALUES(NEW.employee_id,'trigger:payroll',now(3))//
DELIMITER ;
